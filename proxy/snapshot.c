#include "config.h"
#include "proxy/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/daemon.h"
#include "proxy/sinks.h"

#define POLICY_FILE_MAX (16u << 20) /* bytes; 10,000 rules take 1 MB */
#define PROGRAMS_MAX                                                             \
    64u /* schemas remembered; a VM that shows a new one each time gains nothing \
         */

static int read_file(const char *path, struct buf *out, struct error *err)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "%s is not a regular file", path);
    for (;;) {
        char *p = buf_reserve(out, 65536);
        ssize_t n = read(fd, p, 65536);
        if (n < 0)
            return error_set_errno(err, "cannot read %s", path);
        if (n == 0)
            return 0;
        buf_commit(out, (size_t)n);
        if (buf_len(out) > POLICY_FILE_MAX)
            return error_set(err, ERROR_LIMIT, "%s is larger than %u bytes", path, POLICY_FILE_MAX);
    }
}

/* A file that is named by an option, which stands in this line of the configuration. */
struct named_file {
    const char *conf, *option, *file;
    unsigned line;
};

static int load_policy(const struct named_file *named, conf_report_fn *report, void *opaque,
                       struct acl_policy **out)
{
    const char *file = named->file;
    struct error err;
    CLEANUP_BUF struct buf text = { 0 };
    if (read_file(file, &text, &err) < 0) {
        error_prefix(&err, "%s:%u: %s", named->conf, named->line, named->option);
        if (report)
            report(opaque, err.text);
        return err.code;
    }
    return acl_policy_parse(file, buf_data(&text), buf_len(&text), report, opaque, out);
}

/* The configuration is wrong: who mends it wants to know what is wrong with the policy as well. */
static void tell_of_policy(const char *file, conf_report_fn *report, void *opaque)
{
    struct named_file named = { .conf = file, .option = "policy" };
    CLEANUP_FREE char *policy_file = conf_policy_of(file, &named.line);
    struct acl_policy *policy = NULL;
    named.file = policy_file;
    if (policy_file && load_policy(&named, report, opaque, &policy) == 0)
        acl_policy_unref(policy);
}

static int load_tls(struct snapshot *s, struct error *err)
{
    if (!s->conf->tls.given)
        return 0;
    size_t n = s->conf->tls.n_cas;
    CLEANUP_FREE struct tls_ca_settings *cas = MEM_NEW_N(struct tls_ca_settings, n);
    for (size_t i = 0; i < n; i++) {
        const struct conf_ca *ca = &s->conf->tls.cas[i];
        cas[i] = (struct tls_ca_settings){ .name = ca->name, .file = ca->file, .crl = ca->crl };
    }
    struct tls_settings settings = {
        .cert = s->conf->tls.cert,
        .key = s->conf->tls.key,
        .priority = s->conf->tls.priority,
        .cas = cas,
        .n_cas = n,
    };
    s->tls_key_in_token = conf_key_in_token(s->conf->tls.key);
    return tls_context_new(&settings, &s->tls, err);
}

static int load_listeners(struct snapshot *s, struct error *err)
{
    s->listeners = MEM_NEW_N(struct snapshot_listener, s->conf->n_listeners);
    for (size_t i = 0; i < s->conf->n_listeners; i++) {
        const struct conf_listener *c = &s->conf->listeners[i];
        struct snapshot_listener *l = &s->listeners[i];
        l->conf = c;
        l->proxy_from = MEM_NEW_N(struct address_range, c->n_proxy_from);
        l->n_proxy_from = c->n_proxy_from;
        for (size_t j = 0; j < c->n_proxy_from; j++) {
            if (address_range_parse(c->proxy_from[j], &l->proxy_from[j], err) < 0) {
                error_prefix(err, "%s:%u: proxy_from", s->conf->file, c->line);
                return ERROR_INVALID;
            }
        }
    }
    return 0;
}

struct sasl_settings snapshot_sasl(const struct snapshot *s)
{
    const struct conf *c = s->conf;
    return (struct sasl_settings){
        .service = c->sasl.service,
        .hostname = c->sasl.hostname,
        .realm = c->sasl.realm,
        .db = c->sasl.db,
        .pwcheck = c->sasl.pwcheck == CONF_PWCHECK_SASLAUTHD ? SASL_PWCHECK_SASLAUTHD
                                                             : SASL_PWCHECK_SASLDB,
        .saslauthd = c->sasl.saslauthd,
        .keytab = c->sasl.keytab,
    };
}

/* A gateway that cannot reach what it is told to serve does not start. */
static int check_libvirt(const struct snapshot *s, struct error *err)
{
#ifndef HAVE_LIBVIRT
    if (s->conf->n_libvirts)
        return error_set(err, ERROR_INVALID,
                         "%s:%u: libvirt: this qmpgated was built without it (--with-libvirt)",
                         s->conf->file, s->conf->libvirts[0].line);
#endif
    (void)s, (void)err;
    return 0;
}

/* libsasl2 starts with the first configuration that wants it. Snapshots are loaded one at a time.
 */
static int load_sasl(struct snapshot *s, struct error *err)
{
    struct sasl_settings settings = snapshot_sasl(s);
    for (size_t i = 0; i < s->conf->n_listeners; i++) {
        const struct conf_listener *c = &s->conf->listeners[i];
        if (c->n_sasl == 0)
            continue;
        int rc = sasl_process_is_started() ? 0 : sasl_process_start(&settings, err);
        if (rc == 0)
            rc = sasl_settings_check(&settings, (const char *const *)c->sasl, c->n_sasl, err);
        if (rc < 0) {
            error_prefix(err, "%s:%u: sasl", s->conf->file, c->line);
            return rc;
        }
    }
    return 0;
}

static int load_policies(struct snapshot *s, conf_report_fn *report, void *opaque)
{
    const struct conf *c = s->conf;
    const struct named_file policy = { c->file, "policy", c->policy, c->policy_line };
    const struct named_file shadow = { c->file, "policy_shadow", c->policy_shadow,
                                       c->policy_shadow_line };
    bool good = load_policy(&policy, report, opaque, &s->policy) == 0;
    if (c->policy_shadow && load_policy(&shadow, report, opaque, &s->shadow) < 0)
        good = false;
    return good ? 0 : ERROR_DENIED;
}

static int load_seal_keys(struct snapshot *s, struct error *err)
{
    const struct conf *c = s->conf;
    const struct {
        const char *name, *key, *public_file;
        unsigned line;
        struct audit_signer **out;
    } keys[] = {
        { "seal_key", c->audit.seal_key, c->audit.seal_public, c->audit.seal_key_line,
          &s->seal_key },
        { "seal_old_key", c->audit.seal_old_key, c->audit.seal_old_public,
          c->audit.seal_old_key_line, &s->seal_old_key },
    };
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!keys[i].key)
            continue;
        int rc = audit_signer_load(keys[i].key, keys[i].public_file, keys[i].out, err);
        if (rc < 0) {
            error_prefix(err, "%s:%u: audit: %s", c->file, keys[i].line, keys[i].name);
            return rc;
        }
    }
    return 0;
}

static void take_over_schemas(struct snapshot *s, struct snapshot *before)
{
    if (!before)
        return;
    pthread_mutex_lock(&before->lock);
    size_t n = before->n_programs;
    CLEANUP_FREE struct qmp_schema **known = MEM_NEW_N(struct qmp_schema *, n);
    for (size_t i = 0; i < n; i++)
        known[i] = qmp_schema_ref(before->schemas[i]);
    pthread_mutex_unlock(&before->lock);
    for (size_t i = 0; i < n; i++) {
        acl_program_unref(snapshot_program(s, known[i]));
        qmp_schema_unref(known[i]);
    }
}

int snapshot_load(const char *file, struct snapshot *before, conf_report_fn *report, void *opaque,
                  struct snapshot **out)
{
    struct snapshot *s = MEM_NEW(struct snapshot);
    s->number = before ? before->number + 1 : 1;
    atomic_store(&s->refs, 1);
    pthread_mutex_init(&s->lock, NULL);
    s->programs = MEM_NEW_N(struct acl_program *, PROGRAMS_MAX);
    s->schemas = MEM_NEW_N(struct qmp_schema *, PROGRAMS_MAX);
    struct error err = { 0 };
    int rc = conf_load(file, report, opaque, &s->conf);
    if (rc == 0) {
        rc = load_policies(s, report, opaque);
        int tls = load_tls(s, &err);
        int listeners = tls < 0 ? 0 : load_listeners(s, &err);
        if (tls == 0 && listeners == 0)
            listeners = check_libvirt(s, &err);
        if (tls == 0 && listeners == 0)
            listeners = load_sasl(s, &err);
        if (tls == 0 && listeners == 0)
            listeners = load_seal_keys(s, &err);
        if (tls < 0 || listeners < 0) {
            rc = tls < 0 ? tls : listeners;
            if (tls < 0)
                error_prefix(&err, "%s:%u: tls", s->conf->file, s->conf->tls.line);
            if (report)
                report(opaque, err.text);
        }
        if (!sinks_check(s->conf, report, opaque))
            rc = ERROR_INVALID;
    } else {
        tell_of_policy(file, report, opaque);
    }
    if (rc < 0) {
        snapshot_unref(s);
        return rc;
    }
    take_over_schemas(s, before);
    *out = s;
    return 0;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void snapshot_unref(struct snapshot *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < s->n_programs; i++) {
        acl_program_unref(s->programs[i]);
        qmp_schema_unref(s->schemas[i]);
    }
    free(s->programs);
    free(s->schemas);
    for (size_t i = 0; s->listeners && i < s->conf->n_listeners; i++)
        free(s->listeners[i].proxy_from);
    free(s->listeners);
    audit_signer_unref(s->seal_key);
    audit_signer_unref(s->seal_old_key);
    tls_context_unref(s->tls);
    acl_policy_unref(s->policy);
    acl_policy_unref(s->shadow);
    conf_unref(s->conf);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct snapshot *snapshot_current(struct daemon *daemon)
{
    pthread_mutex_lock(&daemon->snapshot_lock);
    struct snapshot *s = snapshot_ref(daemon->snapshot);
    pthread_mutex_unlock(&daemon->snapshot_lock);
    return s;
}

/* What a newer QEMU has and nobody reviewed is refused unless a rule covers it with `any`: said
 * once. */
static void tell_unreviewed(const struct acl_program *program)
{
    size_t n = acl_program_unreviewed(program);
    if (n > 0)
        log_info("a VM's schema has %zu commands, members or values that this release does not "
                 "know: they "
                 "count as reaching the host; see qmpgate policy drift",
                 n);
}

static void remember_program(struct snapshot *s, struct acl_program *program,
                             struct qmp_schema *schema)
{
    if (s->n_programs == PROGRAMS_MAX) { /* the oldest makes room */
        acl_program_unref(s->programs[0]);
        qmp_schema_unref(s->schemas[0]);
        s->n_programs--;
        memmove(s->programs, s->programs + 1, s->n_programs * sizeof(*s->programs));
        memmove(s->schemas, s->schemas + 1, s->n_programs * sizeof(*s->schemas));
    }
    s->programs[s->n_programs] = acl_program_ref(program);
    s->schemas[s->n_programs] = qmp_schema_ref(schema);
    s->n_programs++;
}

struct acl_program *snapshot_program(struct snapshot *s, struct qmp_schema *schema)
{
    struct acl_program *program = NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_programs && !program; i++) {
        if (s->schemas[i] == schema)
            program = acl_program_ref(s->programs[i]);
    }
    if (!program) {
        program = acl_program_new(s->policy, schema);
        if (s->shadow)
            acl_program_set_shadow(program, acl_program_new(s->shadow, schema));
        remember_program(s, program, schema);
        tell_unreviewed(program);
    }
    pthread_mutex_unlock(&s->lock);
    return program;
}

const struct snapshot_listener *snapshot_listener(const struct snapshot *s, const char *name)
{
    for (size_t i = 0; i < s->conf->n_listeners; i++) {
        if (strcmp(s->conf->listeners[i].name, name) == 0)
            return &s->listeners[i];
    }
    return NULL;
}
