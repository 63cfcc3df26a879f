"""BG/NBD and MBG/NBD: Poisson purchases; a customer may leave after each of them.

Fader, Hardie & Lee (2005), Marketing Science 24(2). In the MBG/NBD a customer may also leave right after the first
purchase: Batislam, Denizel & Filiztekin (2007), Int. J. of Research in Marketing 24; Hoppe & Wagner (2007).
"""
