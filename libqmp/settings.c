#include "config.h"
#include "libqmp/settings.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/secret.h"

struct qmp_settings *qmp_settings_new(void)
{
    return MEM_NEW(struct qmp_settings);
}

void qmp_settings_free(struct qmp_settings *s)
{
    if (!s)
        return;
    free(s->ca);
    free(s->cert);
    free(s->key);
    free(s->server_name);
    free(s->user);
    free(s->mechanism);
    free(s->password_file);
    free(s->act_as);
    if (s->kept && s->kept->text)
        secret_free(s->kept->text, strlen(s->kept->text));
    free(s->kept);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        free(s->names[i]);
    free(s);
}

static void replace(char **place, const char *text)
{
    free(*place);
    *place = text ? mem_strdup(text) : NULL;
}

void qmp_settings_set_timeout(struct qmp_settings *s, int timeout_ms)
{
    s->timeout_ms = timeout_ms;
}

void qmp_settings_set_ca(struct qmp_settings *s, const char *file)
{
    replace(&s->ca, file);
}

void qmp_settings_set_certificate(struct qmp_settings *s, const char *cert, const char *key)
{
    replace(&s->cert, cert);
    replace(&s->key, key);
}

void qmp_settings_set_server_name(struct qmp_settings *s, const char *name)
{
    replace(&s->server_name, name);
}

void qmp_settings_set_user(struct qmp_settings *s, const char *user)
{
    replace(&s->user, user);
}

void qmp_settings_set_mechanism(struct qmp_settings *s, const char *mechanism)
{
    replace(&s->mechanism, mechanism);
}

void qmp_settings_set_password_file(struct qmp_settings *s, const char *file)
{
    replace(&s->password_file, file);
}

void qmp_settings_set_password_function(struct qmp_settings *s, qmp_password_fn *function,
                                        void *opaque)
{
    s->password = function;
    s->opaque = opaque;
}

void qmp_settings_keep_password(struct qmp_settings *s)
{
    if (!s->kept)
        s->kept = MEM_NEW(struct kept_password);
}

void qmp_settings_set_act_as(struct qmp_settings *s, const char *identity)
{
    replace(&s->act_as, identity);
}

void qmp_settings_set_target(struct qmp_settings *s, enum qmp_target target)
{
    s->target = target;
}

/* --- names ------------------------------------------------------------------------------------ */

void qmp_settings_set_name(struct qmp_settings *s, enum qmp_setting setting, const char *name)
{
    if ((size_t)setting < SETTING_COUNT)
        replace(&s->names[setting], name);
}

const char *settings_name(const struct qmp_settings *s, enum qmp_setting setting)
{
    static const char *const variables[SETTING_COUNT] = {
        [QMP_SETTING_CA] = "QMPGATE_CA",
        [QMP_SETTING_CERTIFICATE] = "QMPGATE_CERT",
        [QMP_SETTING_KEY] = "QMPGATE_KEY",
        [QMP_SETTING_USER] = "QMPGATE_USER",
        [QMP_SETTING_MECHANISM] = "QMPGATE_MECHANISM",
        [QMP_SETTING_PASSWORD_FILE] = "QMPGATE_PASSWORD_FILE",
        [QMP_SETTING_ACT_AS] = "acting for somebody else",
    };
    return s->names[setting] ? s->names[setting] : variables[setting];
}

/* --- the environment -------------------------------------------------------------------------- */

const char *settings_or_environment(const char *set, const char *variable)
{
    const char *value = set ? set : secure_getenv(variable);
    return value && *value ? value : NULL;
}
