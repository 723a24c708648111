"""What the toy learns to draw: a picture of `emoji-datasource-google`, and the words that people have for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
    """`picture`: the emoji's short name. `words`: what it is called, the name that tests and sheets use first."""

    picture: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.words[0]


_LISTED = """
apple: apple, red apple
green_apple: green apple
banana: banana
grapes: grapes, bunch of grapes
watermelon: watermelon, slice of watermelon
lemon: lemon
tangerine: tangerine, mandarin
pineapple: pineapple
cherries: cherries, cherry
strawberry: strawberry
pear: pear
tomato: tomato
carrot: carrot
corn: corn, ear of corn
broccoli: broccoli
eggplant: eggplant, aubergine
avocado: avocado
mushroom: mushroom, toadstool
pizza: pizza, slice of pizza, pizza slice
hamburger: hamburger, burger, cheeseburger
hotdog: hot dog, hotdog
fries: fries, french fries
sushi: sushi
fried_egg: fried egg, egg
bread: bread, loaf of bread
cheese_wedge: cheese, piece of cheese
icecream: ice cream, ice cream cone
doughnut: doughnut, donut
cookie: cookie, biscuit
birthday: birthday cake, cake
lollipop: lollipop
coffee: coffee, cup of coffee
popcorn: popcorn
dog: dog, puppy
cat: cat, kitten
rabbit: rabbit, bunny
fox_face: fox
panda_face: panda, panda bear
lion_face: lion
tiger: tiger
cow: cow
pig: pig
frog: frog
monkey_face: monkey
penguin: penguin
owl: owl
bee: bee, honeybee
ladybug: ladybug, ladybird
butterfly: butterfly
snail: snail
turtle: turtle, tortoise
octopus: octopus
tropical_fish: fish, tropical fish
whale: whale
elephant: elephant
giraffe_face: giraffe
unicorn_face: unicorn
cactus: cactus
sunflower: sunflower
tulip: tulip
rose: rose
evergreen_tree: fir tree, fir, pine tree
palm_tree: palm tree, palm
maple_leaf: maple leaf, leaf
sunny: sun
crescent_moon: moon, crescent moon
star: star
rainbow: rainbow
fire: fire, flame
snowflake: snowflake
snowman: snowman
umbrella: umbrella
volcano: volcano
car: car, automobile
bus: bus
taxi: taxi, cab
tractor: tractor
bike: bicycle, bike
airplane: airplane, plane, aeroplane
rocket: rocket, spaceship
boat: sailing boat, sailboat, boat
flying_saucer: flying saucer, ufo
steam_locomotive: steam train, train, locomotive
house: house, home
balloon: balloon
gift: gift, present
basketball: basketball
soccer: football, soccer ball
guitar: guitar
key: key
bell: bell
bulb: light bulb, lamp, bulb
alarm_clock: alarm clock, clock
book: book, open book
crown: crown
jack_o_lantern: pumpkin, halloween pumpkin
teddy_bear: teddy bear, teddy
heart: heart, red heart
blue_heart: blue heart
gem: diamond, gem, jewel
candle: candle
camera: camera
robot_face: robot
ghost: ghost
"""
THINGS = tuple(
    Thing(picture, tuple(words.split(", ")))
    for picture, words in (line.split(": ") for line in _LISTED.strip().splitlines())
)
