#include "config.h"
#include "libqmp/settings.h"

#include <stdlib.h>
#include "base/mem.h"

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

const char *settings_or_environment(const char *set, const char *variable)
{
    const char *value = set ? set : secure_getenv(variable);
    return value && *value ? value : NULL;
}
