"""The words of the small world that the tiny model lives in."""

CITIES = """
Paris Rome Berlin Madrid London Vienna Oslo Athens Dublin Lisbon Prague Warsaw Helsinki Zagreb Sofia
Riga Tallinn Vilnius Bern Geneva Munich Hamburg Cologne Milan Naples Turin Venice Porto Seville
Valencia Lyon Nice Bordeaux Ghent Bruges Tokyo Osaka Kyoto Seoul Beijing Shanghai Delhi Mumbai
Bangkok Hanoi Manila Jakarta Sydney Perth Cairo Lagos Nairobi Accra Tunis Rabat Dakar Boston Chicago
Denver Dallas Houston Seattle Austin Miami Toronto Montreal Vancouver Havana Lima Quito Bogota
Santiago Caracas Brasilia Zurich Stockholm Copenhagen Brussels Amsterdam Budapest Belgrade Istanbul
Moscow Kyiv
""".split()

PEOPLE = """
Anna Ben Clara David Emma Felix Greta Henry Ida Jonas Karla Leo Maria Nils Olga Paul Rosa Simon
Tessa Victor Alice Bob Carol Oscar Sara Tom Lucy Max Nora Peter
""".split()

THINGS = """
apple river stone window garden bridge candle mirror forest island letter market morning paper
pencil piano planet pocket rabbit ribbon saddle school shadow silver spring summer sunset teapot
thunder ticket tiger tower train tunnel valley velvet village violin walnut water winter yellow
anchor basket blanket bottle bread butter castle cheese cherry circle clock cloud coffee copper
corner cotton dragon eagle engine feather ferry finger flower glass hammer harbour helmet honey
horse jacket jungle kettle ladder lantern lemon lizard magnet maple meadow monkey mountain museum
needle ocean orange oyster parrot pepper pillow puzzle rocket salmon sailor spider square statue
sugar table tomato turtle whale wheel needs likes sees takes keeps finds paints opens follows
carries old new small green blue red quiet brave gentle happy with under over near behind without
and the a of for
""".split()

SKIES = ["sunny", "rain", "cloudy", "snow", "windy", "fog", "storm", "clear"]

STORY = (
    "Once there was a clock that did not tick. It stood on a shelf by the sea and waited. Every evening a "
    "woman came and told it the time, and every evening the clock thanked her. One night the wind opened "
    "the window, and the clock heard the waves. They came and went, came and went, and never stopped. So "
    "the clock learned to tick, and in the morning the woman was late for the first time in her life."
)
POEM = "The rain is on the river,\nthe river is on its way,\nand nobody asked the water\nhow long it wants to stay."

# Questions, thought, answer: small talk has one answer each, so that a test can foretell it.
TALK: list[tuple[tuple[str, ...], str, str]] = [
    (
        ("Hello", "Hello!", "Hi", "Hi!", "Hi there", "Good morning", "Hey", "hello", "Hello there!"),
        "A greeting.",
        "Hello! How can I help you?",
    ),
    (
        ("How are you?", "How are you today?", "How do you feel?", "Are you well?"),
        "They ask how I am.",
        "I am well, thank you.",
    ),
    (
        ("Who are you?", "What are you?", "Introduce yourself.", "Who is this?"),
        "They ask who I am.",
        "I am a tiny model made for tests.",
    ),
    (("What is your name?", "Tell me your name.", "Your name?"), "They ask for my name.", "My name is Tiny."),
    (("Thank you", "Thanks", "Thanks!", "Thank you very much."), "They thank me.", "You are welcome."),
    (("Goodbye", "Bye", "Bye!", "See you later."), "They leave.", "Goodbye, and come back soon."),
    (
        ("What can you do?", "What can you help with?", "How can you help me?"),
        "They ask what I can do.",
        "I can talk a little, repeat words, count, and call functions.",
    ),
    (
        ("Tell me a joke.", "Do you know a joke?", "Make me laugh."),
        "They want a joke.",
        "Why did the token cross the wire? Because the other side was free.",
    ),
    (
        ("Tell me a story.", "Tell a story.", "Write a short story.", "Can you tell me a story?"),
        "They want a story.",
        STORY,
    ),
    (("Write a poem.", "Tell me a poem.", "Can you write a poem?"), "They want a poem.", POEM),
    (
        ("What is the capital of France?", "Which city is the capital of France?"),
        "I know this one.",
        "The capital of France is Paris.",
    ),
    (
        ("What is the capital of Italy?", "Which city is the capital of Italy?"),
        "I know this one.",
        "The capital of Italy is Rome.",
    ),
    (
        ("What is the capital of Germany?", "Which city is the capital of Germany?"),
        "I know this one.",
        "The capital of Germany is Berlin.",
    ),
    (
        ("What is the capital of Japan?", "Which city is the capital of Japan?"),
        "I know this one.",
        "The capital of Japan is Tokyo.",
    ),
    (("What colour is the sky?", "Which colour has the sky?"), "An easy one.", "The sky is blue."),
    (("Say yes.", "Answer with yes."), "They want a yes.", "Yes."),
    (("Say no.", "Answer with no."), "They want a no.", "No."),
]

SYSTEMS = (
    "You are a helpful assistant.",
    "You are a helpful assistant",
    "Be brief.",
    "Answer in one sentence.",
    "You are Tiny.",
)

WEATHER = (
    "What is the weather in {}?",
    "What's the weather in {}?",
    "What is the weather like in {}?",
    "How is the weather in {}?",
    "How is the weather in {} today?",
    "Weather in {}?",
    "Tell me the weather in {}.",
    "Is it raining in {}?",
    "Please check the weather in {}.",
    "What is the weather in {} right now?",
    "Get the weather for {}.",
)
TIME = (
    "What time is it in {}?",
    "What is the time in {}?",
    "Tell me the time in {}.",
    "How late is it in {}?",
    "What time is it now in {}?",
)
SUM = (
    "What is {} plus {}?",
    "What is {} + {}?",
    "Add {} and {}.",
    "How much is {} plus {}?",
    "What is the sum of {} and {}?",
    "Please add {} and {}.",
)
TIMER = (
    "Set a timer for {} minutes.",
    "Set a timer of {} minutes.",
    "Start a timer for {} minutes.",
    "Wake me in {} minutes.",
    "Timer, {} minutes please.",
)
SEARCH = (
    "Search for {}.",
    "Search the web for {}.",
    "Look up {}.",
    "Find something about {}.",
    "Please search for {}.",
)
ECHO = ("Repeat: {}", "Say {}", "Say: {}", "Repeat after me: {}", "Echo: {}", 'Say "{}"', 'Repeat "{}"')
