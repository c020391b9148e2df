/* What a session is opened with. */
#ifndef LIBQMP_SETTINGS_H
#define LIBQMP_SETTINGS_H

#include <libqmp/session.h>

#define SETTING_COUNT (QMP_SETTING_ACT_AS + 1)

/* For sessions to come; wiped when the settings are freed. */
struct kept_password {
    char *text; /* owned; NULL: none was given yet */
};

struct qmp_settings {
    int timeout_ms; /* 0 or less: without end */
    char *ca;       /* each of them: owned; NULL: see settings_or_environment */
    char *cert;
    char *key;
    char *server_name;
    char *user;
    char *mechanism;
    char *password_file;
    char *act_as; /* owned, or NULL; the environment does not say it */
    qmp_password_fn *password;
    void *opaque;               /* the function's */
    struct kept_password *kept; /* owned; NULL: passwords are not kept */
    enum qmp_target target;
    char *names[SETTING_COUNT]; /* owned; NULL: settings_name knows */
};

/* What was set, or the environment variable, or NULL. Neither is ever "". */
const char *settings_or_environment(const char *set, const char *variable);

/* For errors: how whoever reads them can say it. */
const char *settings_name(const struct qmp_settings *s, enum qmp_setting setting);

#endif
