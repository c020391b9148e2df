#include "config.h"
#include "proxy/sinks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "audit/sink.h"
#include "audit/sink_position.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET  "/dev/log"
#define END_US         (2 * USEC_PER_SEC) /* for what is still to be sent when the gateway stops */

struct sinks {
    struct conf *conf; /* what the settings borrow from */
    char hostname[SYSLOG_HOSTNAME_MAX + 1];
    struct audit_sink **sinks;
    size_t n;
};

/* --- from the configuration ------------------------------------------------------------------- */

static void get_hostname(char out[SYSLOG_HOSTNAME_MAX + 1])
{
    if (gethostname(out, SYSLOG_HOSTNAME_MAX) < 0)
        *out = '\0';
    out[SYSLOG_HOSTNAME_MAX] = '\0';
    if (!syslog_is_printable(out, SYSLOG_HOSTNAME_MAX))
        memcpy(out, "-", sizeof("-")); /* RFC 5424's word for none */
}

static enum audit_sink_type type_of(const struct conf_audit_sink *c)
{
    if (c->type == CONF_SINK_JOURNALD)
        return AUDIT_SINK_JOURNALD;
    return c->address ? AUDIT_SINK_SYSLOG_TLS : AUDIT_SINK_SYSLOG_UNIX;
}

static struct sink_tls_settings tls_settings_of(const struct conf_audit_sink *c)
{
    return (struct sink_tls_settings){
        .address = c->address,
        .port = c->port,
        .server_name = c->server_name ? c->server_name : c->address,
        .ca = c->ca,
        .cert = c->cert,
        .key = c->key,
        .priority = c->priority,
    };
}

static struct audit_sink_settings settings_of(const struct sinks *s, size_t i)
{
    const struct conf_audit_sink *c = &s->conf->sinks[i];
    const char *path = c->type == CONF_SINK_JOURNALD ? JOURNAL_SOCKET : SYSLOG_SOCKET;
    return (struct audit_sink_settings){
        .name = c->name,
        .number = (unsigned)i,
        .type = type_of(c),
        .log = s->conf->audit.path,
        .state_dir = s->conf->state_dir,
        .path = c->path ? c->path : path,
        .tls = tls_settings_of(c),
        .format = { .facility = (unsigned)conf_syslog_facility(c->facility),
                    .hostname = c->hostname ? c->hostname : s->hostname,
                    .app_name = c->app_name,
                    .sd_id = c->sd_id,
                    .message_bytes = c->message_bytes },
        .queue = c->queue,
        .settle_seconds = c->settle_seconds,
        .retry_seconds = c->retry_seconds,
        .lag_seconds = c->lag_seconds,
    };
}

static void complain(const struct conf *conf, unsigned line, struct error *err,
                     conf_report_fn *report, void *opaque)
{
    error_prefix(err, "%s:%u", conf->file, line);
    if (report)
        report(opaque, err->text);
}

bool sinks_check(const struct conf *conf, conf_report_fn *report, void *opaque)
{
    struct error err;
    bool good = true;
    if (conf->n_sinks > 0 && sink_place_check(conf->state_dir, &err) < 0) {
        complain(conf, conf->sinks[0].line, &err, report, opaque);
        good = false;
    }
    for (size_t i = 0; i < conf->n_sinks; i++) {
        const struct conf_audit_sink *c = &conf->sinks[i];
        struct sink_tls_settings tls = tls_settings_of(c);
        if (!c->address || sink_tls_check(&tls, &err) == 0)
            continue;
        error_prefix(&err, "audit_sink \"%s\"", c->name);
        complain(conf, c->line, &err, report, opaque);
        good = false;
    }
    return good;
}

/* --- life ------------------------------------------------------------------------------------- */

static void sinks_free(struct sinks *s)
{
    for (size_t i = 0; i < s->n; i++)
        audit_sink_free(s->sinks[i]);
    free(s->sinks);
    conf_unref(s->conf);
    free(s);
}

int sinks_start(struct daemon *d, struct conf *conf, struct sinks **out, struct error *err)
{
    *out = NULL;
    if (conf->n_sinks == 0)
        return 0;
    struct sinks *s = MEM_NEW(struct sinks);
    s->conf = conf_ref(conf);
    s->sinks = MEM_NEW_N(struct audit_sink *, conf->n_sinks);
    get_hostname(s->hostname);
    int rc = 0;
    for (; s->n < conf->n_sinks; s->n++) {
        struct audit_sink_settings settings = settings_of(s, s->n);
        settings.audit = d->audit;
        rc = audit_sink_new(&settings, &s->sinks[s->n], err);
        if (rc < 0)
            break;
    }
    if (rc < 0) { /* no thread runs yet */
        sinks_free(s);
        return rc;
    }
    *out = s;
    for (size_t i = 0; i < s->n && rc == 0; i++)
        rc = audit_sink_start(s->sinks[i], err);
    return rc;
}

void sinks_detach(struct sinks *s)
{
    for (size_t i = 0; s && i < s->n; i++)
        audit_sink_detach(s->sinks[i]);
}

bool sinks_stop(struct sinks *take_s)
{
    bool done = true;
    int64_t until = clock_monotonic_us() + END_US;
    if (!take_s)
        return true;
    for (size_t i = 0; i < take_s->n; i++)
        audit_sink_end(take_s->sinks[i], until);
    for (size_t i = 0; i < take_s->n; i++)
        done &= audit_sink_join(take_s->sinks[i], until);
    if (done)
        sinks_free(take_s);
    else
        log_warning("a sink of the audit hangs, and is left behind");
    return done;
}

/* --- figures ---------------------------------------------------------------------------------- */

static void write_one(struct buf *b, struct audit_sink *sink)
{
    struct audit_sink_stats t;
    audit_sink_get_stats(sink, &t);
    BUF_ADD_LIT(b, "{\"name\": ");
    buf_add_json_string(b, t.name, strlen(t.name));
    buf_printf(b, ", \"connected\": %s", t.connected ? "true" : "false");
    if (t.reason[0]) {
        buf_add_str(b, t.connected ? ", \"last-error\": " : ", \"error\": ");
        buf_add_json_string(b, t.reason, strlen(t.reason));
    }
    buf_printf(
        b,
        ", \"lag-records\": %llu, \"lag-seconds\": %llu, \"unconfirmed\": %llu, \"shipped\": "
        "%llu, \"sent\": %llu, \"resent\": %llu, \"skipped\": %llu, \"connections\": %llu}",
        (unsigned long long)t.lag_records, (unsigned long long)t.lag_seconds,
        (unsigned long long)t.unconfirmed, (unsigned long long)t.shipped,
        (unsigned long long)t.sent, (unsigned long long)t.resent, (unsigned long long)t.skipped,
        (unsigned long long)t.connections);
}

void sinks_write(struct buf *b, struct sinks *s)
{
    BUF_ADD_LIT(b, "[");
    for (size_t i = 0; s && i < s->n; i++) {
        if (i)
            BUF_ADD_LIT(b, ", ");
        write_one(b, s->sinks[i]);
    }
    BUF_ADD_LIT(b, "]");
}
