"""What both programs are as processes: how they read their command lines."""
