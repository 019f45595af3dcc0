"""What a drill decides, reckons and draws; all of it pure."""
