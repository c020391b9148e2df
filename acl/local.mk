# fragment of acl/, included by Makefile.am
