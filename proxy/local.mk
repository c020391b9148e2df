# fragment of proxy/, included by Makefile.am
