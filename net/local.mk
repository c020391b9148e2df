# fragment of net/, included by Makefile.am
