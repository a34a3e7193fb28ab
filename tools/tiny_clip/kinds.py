"""Kinds of things ("an animal in the sea"): which things belong, and how people ask for them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind: the slugs that belong to it, phrases for training, and one kept for evaluation."""

    slugs: frozenset[str]
    trained: tuple[str, ...]
    held_out: str


def _kind(slugs: str, trained: str, held_out: str) -> Kind:
    return Kind(frozenset(slugs.split()), tuple(p.strip() for p in trained.split(";")), held_out)


_FRUIT = "apple banana orange lemon grapes strawberry watermelon pineapple cherries pear"
_SEA = "fish whale octopus crab shark"
_BIRDS = "penguin chicken duck owl eagle"
_INSECTS = "butterfly bee ladybug"
_FARM = "horse cow pig sheep chicken"
_ZOO = "elephant lion bear panda monkey fox camel giraffe tiger crocodile koala"
_WILD = f"{_ZOO} squirrel hedgehog deer bat dinosaur"
_SMALL = "cat dog rabbit frog snake turtle snail spider"
_FLOWERS = "rose sunflower tulip"
_ROAD = "car bus truck bicycle tractor motorcycle fire_engine"
_AIR = "airplane helicopter rocket ufo"
_DRINKS = "coffee tea beer wine milk cocktail"
_SWEETS = "ice_cream cake doughnut chocolate cookie pancakes"
_MEALS = (
    "bread cheese egg pizza hamburger fries croissant pretzel hot_dog taco popcorn honey avocado"
)
_VEGETABLES = "carrot corn mushroom eggplant tomato broccoli chili"
_MUSIC = "guitar piano violin trumpet drum saxophone"
_CLOTHES = "hat shoe dress shirt trousers socks gloves scarf high_heel"
_DEVICES = "camera telephone computer television radio gamepad microphone headphones"

KINDS: tuple[Kind, ...] = (
    _kind(
        f"{_SMALL} {_WILD} {_FARM} {_BIRDS} {_SEA} {_INSECTS}",
        "an animal; animals; a living creature; some kind of animal; wildlife; a creature; "
        "something alive that moves; beasts and birds",
        "any sort of animal",
    ),
    _kind(
        _SEA,
        "an animal in the sea; a sea animal; an animal that lives in the water; marine life; "
        "something that lives in the ocean; sea creatures; an animal in the ocean; "
        "life under water",
        "a creature of the sea",
    ),
    _kind(
        _BIRDS,
        "a bird; birds; an animal with feathers; an animal with a beak; a feathered animal; "
        "an animal with wings and a beak",
        "some bird with feathers",
    ),
    _kind(
        f"{_INSECTS} spider",
        "an insect; insects; a bug; a small crawling animal; bugs; a tiny animal with many legs",
        "a little bug",
    ),
    _kind(
        _FARM,
        "a farm animal; farm animals; an animal on a farm; livestock; an animal of the farmer",
        "animals of a farm",
    ),
    _kind(
        "cat dog rabbit",
        "a pet; pets; a pet for children; an animal to cuddle; an animal at home; a furry pet",
        "a cuddly pet at home",
    ),
    _kind(
        f"{_ZOO} snake",
        "a wild animal; wild animals; an animal at the zoo; a zoo animal; an animal on a safari",
        "the wild animals of a zoo",
    ),
    _kind(
        _FRUIT,
        "a fruit; fruit; something healthy and sweet; a healthy snack; fresh fruit; "
        "something with vitamins; fruit from the market; a piece of fruit",
        "some fresh fruit to eat",
    ),
    _kind(
        _VEGETABLES,
        "a vegetable; vegetables; something for a soup; greens for cooking; veggies",
        "vegetables for cooking",
    ),
    _kind(
        f"{_FRUIT} {_VEGETABLES} {_MEALS} {_SWEETS}",
        "food; something to eat; a snack; something tasty; a meal; i am hungry; "
        "something edible; something for lunch; what can i eat",
        "anything to eat",
    ),
    _kind(
        _DRINKS,
        "something to drink; a drink; a beverage; drinks; i am thirsty; something in a glass or "
        "cup; beverages; what can i drink; something for the thirst",
        "anything to drink",
    ),
    _kind(
        "coffee tea",
        "a hot drink; something hot to drink; hot beverages; a warm drink; a mug of something hot",
        "a hot beverage in a cup",
    ),
    _kind(
        "beer wine cocktail",
        "an alcoholic drink; alcohol; a drink for adults; something with alcohol; booze",
        "a drink with alcohol in it",
    ),
    _kind(
        _SWEETS,
        "something sweet; a dessert; sweets; a sweet treat; dessert; candy and sweets; "
        "something sugary",
        "a sugary treat for dessert",
    ),
    _kind(
        "pizza hamburger fries hot_dog taco",
        "fast food; junk food; a quick meal; greasy food; takeaway food; unhealthy food",
        "a greasy quick meal",
    ),
    _kind(
        _FLOWERS,
        "a flower; flowers; a blossom; something for a bouquet; a blooming plant; "
        "flowers in the garden; a bloom",
        "a blossom in the garden",
    ),
    _kind(
        f"tree palm cactus leaf {_FLOWERS}",
        "a plant; plants; something green that grows; vegetation; nature; something that grows; "
        "garden plants",
        "a growing plant",
    ),
    _kind(
        "tree palm",
        "trees; a big tree; a tall tree; a tree with a trunk; woods",
        "a tree with a tall trunk",
    ),
    _kind(
        f"{_ROAD} {_AIR} train sailboat ship",
        "a vehicle; vehicles; transport; something to travel with; means of transport; "
        "something that takes you places; traffic; transportation",
        "a means of transportation",
    ),
    _kind(
        _ROAD,
        "a vehicle on the road; something with wheels; road traffic; something that drives; "
        "a vehicle with wheels; wheels",
        "a thing that drives on wheels",
    ),
    _kind(
        _AIR,
        "something that flies in the sky; a flying machine; aircraft; a flying vehicle; "
        "a machine in the air; aviation",
        "a flying machine in the sky",
    ),
    _kind(
        "rocket moon star globe sun ufo telescope",
        "something in space; outer space; astronomy; the universe; space; the cosmos",
        "things of outer space",
    ),
    _kind(
        "snowman snowflake",
        "winter; snow; something cold; the cold season; frost and snow; winter weather",
        "the cold season with snow",
    ),
    _kind(
        "sun cloud rainbow lightning snowflake umbrella",
        "weather; the weather; a weather forecast; what is the weather like",
        "a forecast of the weather",
    ),
    _kind(
        "sun moon star cloud rainbow lightning",
        "something in the sky; the sky; something up in the sky; up in the heavens",
        "what is up in the sky",
    ),
    _kind(
        _MUSIC,
        "a musical instrument; music; something to make music with; an instrument; "
        "instruments; musical instruments; a concert; a band",
        "an instrument for making music",
    ),
    _kind(
        "guitar violin",
        "a string instrument; an instrument with strings; strings for music",
        "a stringed instrument",
    ),
    _kind(
        _CLOTHES,
        "clothing; clothes; something to wear; a piece of clothing; fashion; an outfit; "
        "garments; something to put on",
        "a garment to put on",
    ),
    _kind(
        "ring crown glasses hat backpack umbrella handbag scarf gloves",
        "an accessory; accessories; something to wear besides clothes",
        "accessories to wear",
    ),
    _kind(
        "ring crown trophy money diamond",
        "something valuable; treasure; something precious; something made of gold; riches",
        "a precious treasure",
    ),
    _kind(
        _DEVICES,
        "an electronic device; electronics; a gadget; technology; an electric device; "
        "consumer electronics; something with a plug or a battery",
        "an electronic gadget",
    ),
    _kind(
        "hammer scissors pencil key lock magnifier wrench",
        "a tool; tools; a useful thing for the hand; a utensil",
        "useful tools",
    ),
    _kind(
        "hammer scissors wrench",
        "a tool from the toolbox; something for craft work; a tool for handiwork",
        "a craft tool",
    ),
    _kind(
        "pencil scissors book backpack palette",
        "something for school; school things; school supplies; what a pupil needs",
        "the supplies of a pupil",
    ),
    _kind(
        "book newspaper envelope",
        "something to read; reading; something printed on paper; text to read; literature",
        "printed things to read",
    ),
    _kind(
        "football basketball",
        "a ball; balls; a ball for sports; ball games; sports with a ball; team sport",
        "a ball for a team sport",
    ),
    _kind(
        "football basketball trophy bicycle shoe",
        "sports; sport; sports equipment; something for athletes; fitness",
        "equipment for athletes",
    ),
    _kind(
        "dice gamepad target",
        "a game; something to play; games; playing a game; game night",
        "playing some game",
    ),
    _kind(
        "house castle tent",
        "a building or a shelter; somewhere to stay; a place to stay; architecture; a home",
        "a shelter to stay in",
    ),
    _kind(
        "house castle",
        "a building; buildings; something made of stone with a door",
        "a stone building",
    ),
    _kind(
        "bed bathtub couch toilet",
        "furniture; something for the home; the furniture of a flat",
        "some furniture of a home",
    ),
    _kind(
        "bulb candle flashlight",
        "a light; something that gives light; something to light a dark room; lighting; a lamp",
        "something to brighten a dark room",
    ),
    _kind(
        "fire candle volcano",
        "something hot; something burning hot; heat; flames and heat",
        "burning heat",
    ),
    _kind(
        "gift balloon cake",
        "a birthday; a birthday party; a party; celebration; something to celebrate; "
        "happy birthday",
        "celebrating a birthday",
    ),
    _kind(
        "microscope magnifier telescope",
        "something to look closely with; an optical instrument; science and discovery",
        "an instrument for looking closely",
    ),
    _kind(
        "sailboat anchor ship",
        "something for sailors; seafaring; the harbour; something of the navy; a trip by sea",
        "things for a sailor",
    ),
    _kind(
        "frog snake turtle crocodile",
        "a reptile or an amphibian; a green animal; cold blooded animals",
        "an animal with cold blood",
    ),
    _kind(
        "egg bread coffee tea cheese croissant pancakes honey",
        "breakfast; something for breakfast; the first meal of the day; breakfast is ready",
        "the meal of the morning",
    ),
    _kind(
        "gift star candle bell snowman",
        "christmas; merry christmas; a christmas decoration; the holidays in december",
        "decoration for christmas eve",
    ),
    _kind(
        "umbrella cloud rainbow lightning",
        "rain; rainy weather; a rainy day; it is raining; a storm",
        "a day of rain",
    ),
    _kind(
        "sun ice_cream watermelon palm",
        "summer; a summer day; a hot summer; summer holidays; a day at the beach",
        "holidays in the summer sun",
    ),
    _kind(
        f"{_AIR} butterfly bee owl balloon eagle bat",
        "something that flies; something in the air; a thing that can fly; flying things; wings",
        "whatever can fly",
    ),
    _kind(
        "banana lemon pineapple",
        "a yellow fruit; yellow fruit; a fruit that is yellow; fruit with a yellow skin",
        "fruits that are yellow",
    ),
    _kind(
        "apple strawberry cherries watermelon",
        "a red fruit; red fruit; a fruit that is red; a red berry or fruit",
        "fruits that are red",
    ),
    _kind(
        "heart rose ring diamond",
        "romance; love and romance; something romantic; a wedding; valentine's day",
        "a romantic present",
    ),
    _kind(
        f"{_MUSIC}",
        "an evening concert; a concert poster; live music; a musician; an orchestra; play a song",
        "an evening with live music",
    ),
    _kind(
        "crown castle",
        "a king; something royal; royalty; a queen; a kingdom; the monarchy",
        "a royal family",
    ),
    _kind(
        "moon star",
        "the night sky; night; a clear night; in the dark of the night; midnight",
        "a clear sky at night",
    ),
    _kind(
        "computer envelope telephone pencil",
        "office work; the office; something for the desk; a job at a desk",
        "things on the desk of an office",
    ),
    _kind(
        "television radio newspaper",
        "the news; the media; news of the world; something to follow the news",
        "the latest news",
    ),
    _kind(
        "rose sunflower tulip",
        "flowers for my mother; a bunch of flowers; a bouquet; flowers in a vase",
        "a bouquet for mother",
    ),
    _kind(
        "socks gloves scarf hat",
        "winter clothes; something warm to wear; knitted clothes; clothes against the cold; "
        "something woollen to put on",
        "warm knitted clothes",
    ),
    _kind(
        "shoe high_heel socks",
        "something for the feet; footwear; what one wears on the feet; a thing from the shoe shop",
        "what goes on your feet",
    ),
    _kind(
        "bathtub toilet",
        "a bathroom; something in the bathroom; bathroom furniture; the plumber installs it",
        "a thing from the bathroom",
    ),
    _kind(
        "alarm_clock hourglass",
        "something that tells the time; a timer; something to measure time; how late is it",
        "a measure of time",
    ),
    _kind(
        "ferris_wheel balloon popcorn target",
        "a fun fair; an amusement park; the carnival; a day at the fair; a day out with children",
        "an afternoon at the funfair",
    ),
    _kind(
        "tiger lion cat",
        "a feline; a cat of any size; felines; an animal of the cat family",
        "one of the cat family",
    ),
    _kind(
        "bat pumpkin spider moon owl",
        "halloween; something spooky; a scary night; a haunted night; a night of ghosts",
        "spooky things of the night",
    ),
)
