"""How people come in without a key: passkeys, sessions of browsers, invites, and a way back for who lost theirs."""
