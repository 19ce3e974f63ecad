"""The wire formats of exchanges, one pure module each: questions in, the exchange's own text or refusal out."""
