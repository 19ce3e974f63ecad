"""Open streams on a validator: acts in their turn, news once they are durable, answers to questions.

    a request --acts--> what to decide --keeping--> decided, applied, stored --telling--> news
                                                                     readings --> answers

The rules are all in `protocol/rules/stream_book`; here is what stores, what signs and what waits.
"""
