/* What a session is opened with. */
#ifndef LIBQMP_SETTINGS_H
#define LIBQMP_SETTINGS_H

#include <libqmp/session.h>

struct qmp_settings {
    int timeout_ms; /* 0 or less: without end */
    char *ca;       /* each of them: owned; NULL: see settings_or_environment */
    char *cert;
    char *key;
    char *server_name;
};

/* What was set, or the environment variable, or NULL. Neither is ever "". */
const char *settings_or_environment(const char *set, const char *variable);

#endif
