"""The words of memorable names: 1,375 first words and 38 animals, in the letters a to h, l, m, o, s, t, x, y and z.

Every pair of at most 15 letters is a name: 49,795 of them, and no two are spelled alike. They are the entries of the
list of microprediction's MUIDs, the PyPI package `muid` 0.5.3 (by microprediction, MIT licence), which writes out all
pairs in hex. What the words mean matters only to the eye; that they never change matters to every name.
"""

from __future__ import annotations

from typing import Final

MAX_LETTERS: Final = 15

_ANIMALS: Final = """
bass bat bee beetle boa bobcat booby camel cat cattle cheetah clam cod coyote damselfly dog eagle eel flea fly fox
gayal gazelle goat goose hedgehog leech llama mammal mole moose moth ocelot sloth smelt sole stoat toad
"""

_FIRST_WORDS: Final = """
abac abaca abashless abatable abbotcy abdal abet abettal able ablegate abohm abysmal acacatechol acalycal acca
accede accolated accolle accostable acetal acetose achate achete acocotl acoma actable acyloxy addable addle ade
adead adet adfected adlay adoxy ady adz aefaldy afetal affable affect affectable affy aflat agalaxy agamete agamy
agathology agaze agee aghast aglethead agy alada alb albahaca albata albe albetad aldohexose aldose ale alemmal
alfet algae algal allegeable allocable allocatable allosome allottable alma almagest aloesol alogy aloose alose alt
althea altho aly amah amalgamable amassable amasty amba ambassade ambassy amble ametabole ametaboly amethyst
amoebocyte amole amomal amt amy amygdal amylo amylose asale asbest ascomycetal ascomycete ashamed ashy assay
assayable assemblable assemble assess assessable assessee asshead asthma astomatal asystole atabal ataxy atelo
athlothete atle atma atmos attacco attachable attest attestable axle axolemma axostyle ayah azofy azole azoxazole
azoxy azteca babble babblesome babloh bad bafta bal baldhead balete balm balmy baobab basote basso batheable
bathysmal battlesome battlestead batty batz bazoo beadle beady beatable beatae bebathe bebog becomma bedabble
bedazzle bedead bee beest beetle begabled beggable bego begohm behead beheadal behest beholdable bela beladle belady
bellboy bellehood bema bemad best bestayed beteela bey beydom blady blamable blashy blastemal blastocheme blastocyst
blat blazy bleachable bleo bless blest blob blobbed blooded bloodleaf bloodshot bloody blooey blossomhead boastless
boatable bobble bobstay bocal boccale bold bolete bolthead bombable bombo boodle booly boomable boomdas boost boosy
boot boothose booze bose bossy bota bottom boxhead boxy boy cabal cabaletta cabble cabled caboose cacodoxy caddle
caecal caffeate cagey cal calaboose callable calymma camalote casaba casha cashable cassolette castable casteless
cataclysm cataclysmal catchable cathodal catty cellose celotomy cess cest chafe chaffy chal chalaco chalazogamy
chamal chasable chaseable chatsome chattable chattel chatty cheatable cheese choledochal choosable choose choosy
chose chylocele clad clash clashy classable classed classy clat clee clefted cloacal cloam closable close closh
cloth clothes cloysome coachable coastal coated cobble cobego coble coccal coccygeal coddle codeless coecal
coembedded coestate coghle cold collatable collectable colley collocal collocate comal comatose comb combatable
comble comet comfy commeddle commot comose coscet costal costectomy costless costly costotome cosy cottagey cotted
cotty cyclotome cymbalo cymose cystectasy cystose cytocyst cytogamy cytostomal cytostome dabble dado dagaba dagesh
daghesh dagoba dale dalt damageable dambose damme dao das dashy datable dateless dazy dead deadeye deafly dealable
dealated dealt deash deathday deathly deathy deb debamboozle debatable decal decastyle decayable decease decollete
deedless defaceable defassa deflectable delayable delectable delegable delete deltal demal deme descale desoxalate
detachable detectable detestable dobbed dodd doddle doest dog dogal doge doghead dogy dole dolesome domal dome
doodle doomsday dose dossal dossel dotal dottle dotty dozed dyeable dyssystole east easy eatable ebb ecad ecbole
ecchymose eclat ecole ecostate ectal ecthyma ectosomal ectosome eddy edgy eelbob effable effaceable effete eftest
egad egest egghead eggy elatcha elb elchee eldest electable eleoblast ell ellagate elle elmy elod emball embassy
embattle embezzle emblemology emblossom embog embole embolectomy emboscata eme emoloa emote emyd escalado eschatocol
escheatable estadal estado esteemable estoc ethal ettle exact exactable exalted excess excyst exegete exhalable
exlex exosmose exostome exothecal extol eyas eyebalm eyedot eyehole eyeshot eyesome ezba fable facade faceable
facecloth facet facete factable fadable fady fae faff faham falbala fall false falsetto famble fash fat fathead
fathom fathomable fattable fatty feal feaze fecal feeable feeble feedable feelable fellable female feme feodal feoff
fest festal fetal feteless flabby flagless flammable flamy flashy flat flathat fleche fledge fledgy flee fleeceable
flesh fleshy flex fleysome floatable floaty floccose floggable floodable floozy flosh flossy flotsam fly flyable
flyboat foamy focal foeless foggy fold foldable folded foldless fole fool fooless foothalt foothold foothot footle
foots footstall fotmal foxhole foxy gabble gabgab gable gaet gag gageable gal gala galactocele galactose galgal
galloglass gamb gamba gambado gamble gamdeboo gametal gamete gametocyst gamy gashy gassy gayal gaysome gazabo
gazettal gazy gee geest gegg gelable geldable gelose gemel gemeled gemmology geodete gest get gettable gey ghetto
ghostess glad gladeye gladsome glady glassy glazy gleyde global globose gloeal gloomless gloomy glossa glossocele
glottal glycose gobble goddess godhead godmamma gogga goglet gogo gold goldhead goloe gomashta good goodsome googol
goolah goose goosy gosh goy habble hadbot haec haggaday haglet hah hale halesome hallabaloo hallex halse hamal
hamble hame hammada hamose hash hashab hasteless hasty hatable hatchable hateable hayloft hazy headcheese headmost
heady healable healthy heatable heatless hebdomad hefty helmet helmless heloe hemal hematal hematocele hematose hest
hexadactyle heyday hobble hoggy holdable holeable holothecal holyday homageable homeless homestead homey homoblasty
homy hoodshy hoose hosel hot hotbox hoyle hyetal labefact laceleaf lacet lachsa lactam lactose lad laddess ladle
lady laglast lama lambale lamedh lamellose lametta lammas lasa last lasty lat latchless late latest latex lathee
lathy lax lazy lazylegs leachy leadable leady leafed leafless leafy leal lealty leasable leaseless least leath lee
leech leg legal legalese legless legoa lemmata less lest letchy lete lethal lettable loa loadless loamy loathe
loathsome loathsomely lob lobal lobefoot lobelet lobellated lobose lobotomy locable local locale locofoco lodgeable
loessal loft lofty logodaedaly logomachy logothete loofah loose lootable losable losel losh lota lox loyal lyse
lysozyme lyxose maamselle macadam macehead machete mad mado magas mahmal mahoe mal mala malady malambo malaxable
malleable mallee malleolable maltable maltose mambo mammal mashal mashy masoola massa masse massless massy masty
mataco matchable matchsafe matzos mayday mazy mbalolo meable mealable mealy measled meatal meatotome mecate medal
meddle meddlecome meese meet meetable megaloblast megohm mel mela melasma meltable memo mescal mese mesh meshy
mesocaecal mesode mesole message messe messy mestome metad metal metasomal metasome metastable mete mettle
mettlesome mezcal mho mobable mobbable moble modest modesty moggy moldable mole molest molle mollycoddle momble
mommy moodle mool moosa moose mootable mootstead mosey mossy most mote mothy mottoed myal mycomycete mycose
myelocele myotome mysost mystax myxomycete myzostome obese obeyable obley oboe obole obsolete obtect obtest occamy
ocellate octadecyl octastyle octastylos octoate octodactyl octodactyle octose octoyl oda odal odd odoom odso off
offbeat offcast offcome offsaddle offset offshoot oflete oft oftest ogham ogle ohelo old oleose olfact olomao omega
ommateal oogamete oogamy oolemma oomycete ootheca oothecal oscheal oscheocele ose osela osmazome osmose osse osteal
osteocele osteoclast osteoclasty osteotome ototomy oxalate oxaldehyde oxazole oxeate oxhead oxhoft oxy oxydactyl
oxyethyl oxyfatty oxystome sable saccade sachem sad saddlestead sadh safe safehold sagathy sagy sahh sahme salaam
salable salacot salat saleslady sallee salma salse sambal same samesome sammel sao sassy sat satable sattle sayable
scabble scaddle scala scalable scaleless scalled scallola scalma scaly scamble schema schmelz schola schoolable
scoldable scolex scoot scotale scybala scytale seal sealable seam seathe secable secesh see seeable seecatch seedbox
seemable seemless seg segged sego segol selectable selfheal sellable selt semateme sematology semball semblable
semble semese semola sesma sestole setae setal setose sett settable settle settleable sexed sext sextet sextole
shabble shadeless shadoof shady shafty shag shaggy shalt shaly shamable shamal shamble shameable shammy sheaf sheafy
sheal sheathe shee sheetage shela shelta shoad shoddy shoe shoeboy shole shoofly shootable shotty shy slabbed
slaggable slash slashy slat slayable slee slete sloosh slyboots slyly sma small smashable smeech smeeth smellable
smellsome smeth smethe smolt smoochy smoothable socage sodaless sodded soddy sofa soft soggy solace soldado sole
somal someday somedeal somegate sool sooloos soothe soshed sozzle stab stable staboy stachyose staddle stade
stageable stagese staggy staghead stagy stale stambha statable statal statesboy stayable stayed steady steal
stealable stealthless stealthy steelhead steg stelae stema stemmy stodgy stola stole stomachable stomachless
stomatal stomatose stomatotomy stomodaeal stoof stooge sty stylate syllable systole systyle syzygy szlachta table
tableclothy tablet tabog tactable tae tagatose taggle tal talcose tald tall tallageable talloel talose tamable
tamale tamas tambo tameless tascal tash tastable tasteable tasteless tasty tat tatbeb tatchy tattletale tattoo
taxable taxeme taxless teach teachable teaey teasable teaseable teasehole teathe tectal teemless teest teeth teethy
teetotal teff tellable tellsome telome temalacatl testable testy thalamocele thalamotomy thalasso thallodal theca
thecal theftdom themeless theologal thesmothete thof thole thy thyme thymy thymyl toadeat toadess toadhead toady
toastable tobaccoy toddle toft toftstead togless toho tol tole tollable tolyl tombal tombolo tome toodle toothsome
toothy tootle toshy tossy tosy tot total totemy tottle totty toxcatl tozee tylose tylostylote xebec xyla xylate
xylem xylol xylology xyloma xylose xylotomy xyloyl xylyl xyst xystos yabble yabby yacal yachtdom yalb yale yeasty
yee yelt yese yest yesty yex yogh zac zad zag zat zax zealless zee zel zest zoa zolle zoo zooblast zoochemy
zoogamete zoogamy zoogloea zootaxy zoothome zootomy zygal zygomata zygose zymome
"""

ANIMALS: Final = frozenset(_ANIMALS.split())
FIRST_WORDS: Final = frozenset(_FIRST_WORDS.split())
