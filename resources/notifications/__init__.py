"""What people are told by mail, and the topic that it goes to."""
