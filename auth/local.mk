noinst_LIBRARIES += auth/libauth.a
auth_libauth_a_SOURCES = auth/identity.c auth/identity.h
