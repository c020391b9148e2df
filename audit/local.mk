# fragment of audit/, included by Makefile.am
