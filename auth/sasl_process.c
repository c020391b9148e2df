/* libsasl2 has one state for the whole process. */
#include "config.h"
#include "auth/sasl_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"

/* libsasl2's name for the program: of a file of further options, /etc/sasl2/qmpgate.conf. */
#define APPLICATION "qmpgate"

#define LOG_LEVEL_OF_SASL "3" /* SASL_LOG_WARN: what is above may hold what a client sent */

/* --- options ---------------------------------------------------------------------------------- */

int sasl_option(const struct sasl_settings *settings, const char *mechanisms, const char *option,
                const char **result, unsigned *len)
{
    const struct {
        const char *name, *value;
    } options[] = {
        { "mech_list", mechanisms ? mechanisms : "" },
        { "auxprop_plugin", "sasldb " SASL_DECOY_PLUGIN },
        { "sasldb_path", settings->db },
        /* saslauthd is asked by us (saslauthd.c): libsasl2 finds nobody else to believe */
        { "pwcheck_method", settings->pwcheck == SASL_PWCHECK_SASLAUTHD ? "none" : "auxprop" },
        { "keytab", settings->keytab },
        { "canon_user_plugin", "INTERNAL" },
        { "auto_transition", "no" }, /* no password is ever written */
        { "plugin_list", NULL },
        { "log_level", LOG_LEVEL_OF_SASL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (strcmp(option, options[i].name) != 0)
            continue;
        *result = options[i].value;
        if (len)
            *len = options[i].value ? (unsigned)strlen(options[i].value) : 0;
        return SASL_OK;
    }
    return SASL_FAIL; /* not ours: libsasl2 looks into its own file */
}

/* --- the start -------------------------------------------------------------------------------- */

/* What the process was started with: libsasl2 asks while it loads plugins. Set once, before
 * threads, and read-only until the end. */
static struct {
    bool started;
    struct sasl_settings settings; /* its strings are owned */
} process;

static int global_option(void *context, const char *plugin, const char *option, const char **result,
                         unsigned *len)
{
    return sasl_option(&process.settings, NULL, option, result, len);
}

static int global_log(void *context, int level, const char *message)
{
    char line[LOG_ESCAPE_MAX];
    if (message && level != SASL_LOG_NONE && level <= SASL_LOG_WARN)
        log_warning("libsasl2: %s", log_escape(message, strlen(message), line));
    return SASL_OK;
}

typedef int callback_fn(void);

static const sasl_callback_t callbacks[] = {
    { SASL_CB_GETOPT, (callback_fn *)(void (*)(void))global_option, NULL },
    { SASL_CB_LOG, (callback_fn *)(void (*)(void))global_log, NULL },
    { SASL_CB_VERIFYFILE, (callback_fn *)(void (*)(void))sasl_choose_plugin, NULL },
    { SASL_CB_LIST_END, NULL, NULL },
};

/* Not by sasl_listmech: with a channel binding 2.1.28 writes past its own buffer there. */
bool sasl_has_plugin(const char *mechanism)
{
    /* -PLUS is no plugin of its own */
    const char *plus = strstr(mechanism, "-PLUS");
    size_t len = plus ? (size_t)(plus - mechanism) : strlen(mechanism);
    for (const char **all = sasl_global_listmech(); all && *all; all++) {
        if (strlen(*all) == len && strncmp(*all, mechanism, len) == 0)
            return true;
    }
    return false;
}

static int check_file(const char *what, const char *file, struct error *err)
{
    if (file && access(file, R_OK) < 0)
        return error_set_errno(err, "cannot read the %s %s", what, file);
    return 0;
}

/* A mechanism that lacks its means would refuse everybody; better not to start. */
static int check_means(const struct sasl_settings *s, const char *mechanism, struct error *err)
{
    bool scram = strncmp(mechanism, "SCRAM-", 6) == 0;
    bool plain = strcmp(mechanism, "PLAIN") == 0;
    if (scram || (plain && s->pwcheck == SASL_PWCHECK_SASLDB)) {
        int rc = check_file("sasldb", s->db, err);
        if (rc < 0)
            return rc;
    }
    return strcmp(mechanism, "GSSAPI") == 0 ? check_file("keytab", s->keytab, err) : 0;
}

static void forget_settings(void)
{
    free((char *)process.settings.db);
    free((char *)process.settings.saslauthd);
    free((char *)process.settings.keytab);
    memset(&process, 0, sizeof(process));
}

static int start_library(struct error *err)
{
    sasl_prepare_library();
    int rc = sasl_server_init(callbacks, APPLICATION);
    if (rc != SASL_OK)
        return error_set(err, ERROR_SYSTEM, "libsasl2 does not start: %s",
                         sasl_errstring(rc, NULL, NULL));
    return sasl_decoy_add(err);
}

int sasl_process_start(const struct sasl_settings *settings, struct error *err)
{
    if (process.started)
        return error_set(err, ERROR_STATE, "libsasl2 is started already");
    process.settings = (struct sasl_settings){
        .pwcheck = settings->pwcheck,
        .db = mem_strdup(settings->db),
        .saslauthd = mem_strdup(settings->saslauthd),
        .keytab = mem_strdup(settings->keytab),
    };
    process.started = true;
    int rc = start_library(err);
    if (rc < 0)
        sasl_process_stop();
    return rc;
}

bool sasl_process_is_started(void)
{
    return process.started;
}

int sasl_settings_check(const struct sasl_settings *settings, const char *const *mechanisms,
                        size_t n_mechanisms, struct error *err)
{
    for (size_t i = 0; i < n_mechanisms; i++) {
        int rc = check_means(settings, mechanisms[i], err);
        if (rc < 0)
            return rc;
        if (!sasl_has_plugin(mechanisms[i]))
            return error_set(err, ERROR_INVALID,
                             "libsasl2 has no plugin for %s (Debian: libsasl2-modules, "
                             "libsasl2-modules-gssapi-mit)",
                             mechanisms[i]);
    }
    return 0;
}

void sasl_process_stop(void)
{
    if (!process.started)
        return;
    sasl_server_done();
    forget_settings();
}
