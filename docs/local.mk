# fragment of docs/, included by Makefile.am
