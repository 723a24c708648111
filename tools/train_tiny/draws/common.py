"""Ordinary words, so that not every wish and question is about the same few things."""

COMMON = """
man woman child boy girl baby friend family mother father brother sister people king queen knight pirate wizard doctor
teacher farmer soldier dancer singer painter driver pilot baker cook police nurse clown ghost fairy giant angel monster
horse sheep goat duck goose chicken bird eagle wolf bear mouse rat deer snake lizard spider shark dolphin crab ant fly
tree flower grass leaf forest field hill mountain valley river lake sea ocean beach island desert cave sky sun cloud
rain snow storm wind ice fire smoke stone sand star planet earth world night morning evening winter summer spring autumn
city town village street road bridge tower castle church temple school office factory museum library hospital hotel shop
market kitchen bedroom bathroom garden park farm room door window wall roof floor stairs table chair desk bed lamp clock
mirror picture frame carpet box bag basket bottle glass cup plate bowl knife fork spoon pot pan paper pen pencil brush
letter newspaper map flag coin money ring necklace dress shirt trousers shoe boot coat hat glove scarf belt pocket
phone computer screen keyboard camera radio television machine engine wheel ship boat train truck motorcycle plane
hammer nail saw rope ladder wire battery soap towel toy doll ball kite drum piano violin trumpet music song dance
bread rice meat fish soup salad cheese butter egg milk water juice tea wine beer sugar salt pepper oil honey chocolate
potato onion garlic bean pea nut berry peach plum melon orange dinner breakfast lunch party wedding holiday game sport
race match team winner work job plan idea question answer problem word sentence language number letter page story poem
history science art nature weather light colour shape line circle square triangle shadow sound voice smell taste dream
love fear anger joy hope luck health body head face eye ear nose mouth tooth hand finger foot leg arm heart brain skin
sleeping running walking sitting standing flying swimming eating drinking reading writing singing dancing playing
laughing crying smiling jumping falling growing burning shining waiting wearing holding riding driving cooking looking
big small tall short long wide thin fat heavy light fast slow old young new modern ancient pretty ugly clean dirty
strong weak rich poor hot cold warm cool dry wet hard soft sharp round flat empty full open closed loud quiet bright
dark red blue green yellow orange purple pink brown black white grey golden silver wooden paper iron sweet sour bitter
happy sad angry tired hungry brave clever lazy shy proud kind lonely famous secret strange simple difficult dangerous
friendly lovely wonderful perfect broken forgotten hidden magic electric wild tiny huge little favourite
eat drink sleep walk run write read learn teach buy sell find lose open close start stop wash cut build break send
believe remember forget understand choose change move carry wear use need help call travel play win pay wait
""".split()
