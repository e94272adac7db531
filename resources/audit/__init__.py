"""Who changed what: the events that AWS and the cluster keep of calls, whoever made them."""
