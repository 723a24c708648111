"""The process that meets strangers' text: template and tokeniser, apart from daemon and engine."""
