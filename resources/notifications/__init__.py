"""What people are notified of by mail, and the topic that it goes to."""
