"""Two samplings: with every default, and with nothing left at its default."""

from wire.chat import Sampling

PLAIN = Sampling()
FULL = Sampling(
    temperature=0.0,
    top_p=0.9,
    top_k=20,
    min_p=0.1,
    presence_penalty=1.5,
    frequency_penalty=-0.5,
    repetition_penalty=1.1,
    logit_bias=((5, -100.0), (6, 3.5)),
    top_logprobs=3,
)
