"""What is given to others: the distribution, an engine that is compiled already, an installer; built and tried here."""
