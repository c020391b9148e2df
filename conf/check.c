/* What values mean together. An option counts as given if it stands in the text, good or bad: a
 * bad value has had its report. */
#include "config.h"
#include "conf/loader.h"

#include <string.h>

/* --- listeners -------------------------------------------------------------------------------- */

static const struct cfgtext_item *find(const struct loader *l, const struct cfgtext_item *section,
                                       const char *name)
{
    return cfgtext_find(l->text, section, name, NULL);
}

/* Options that have no meaning beside another: better refused than ignored. */
static void refuse_options(struct loader *l, const struct cfgtext_item *section,
                           const char *const *names, size_t n, const char *why)
{
    for (size_t i = 0; i < n; i++) {
        const struct cfgtext_item *item = find(l, section, names[i]);
        if (item)
            loader_complain(l, item->line, "%s %s: remove it", names[i], why);
    }
}

static void check_listener_kind(struct loader *l, const struct conf_listener *c,
                                const struct cfgtext_item *section)
{
    static const char *const of_tls[] = { "port", "client_cert", "sni_suffix", "proxy_protocol",
                                          "proxy_from" };
    static const char *const of_unix[] = { "mode", "owner", "group" };
    bool tls = find(l, section, "address");
    bool local = find(l, section, "path");
    if (tls == local)
        loader_complain(l, c->line,
                        "listener \"%s\" needs one of address (with port) and path, and not both",
                        c->name);
    else if (local)
        refuse_options(l, section, of_tls, ARRAY_SIZE(of_tls), "is for a listener with address");
    else
        refuse_options(l, section, of_unix, ARRAY_SIZE(of_unix), "is for a listener with path");
}

static void check_tls_listener(struct loader *l, const struct conf_listener *c,
                               const struct cfgtext_item *section)
{
    if (!find(l, section, "port"))
        loader_complain(l, c->line, "listener \"%s\" needs a port beside its address", c->name);
    if (find(l, section, "sni_suffix") && find(l, section, "vm"))
        loader_complain(l, c->line,
                        "listener \"%s\" has both vm and sni_suffix: only one can say which VM",
                        c->name);
    if (!!find(l, section, "proxy_protocol") != !!find(l, section, "proxy_from"))
        loader_complain(l, c->line,
                        "listener \"%s\": proxy_protocol = \"v2\" and proxy_from = {...} need each "
                        "other",
                        c->name);
    if (!l->conf->tls.given)
        loader_complain(l, c->line,
                        "listener \"%s\" has an address: write tls { cert key ca } for it",
                        c->name);
    else if (c->client_cert != CONF_CLIENT_CERT_NONE && l->conf->tls.n_cas == 0)
        loader_complain(l, c->line,
                        "listener \"%s\" asks for client certificates: set ca in tls, or there is "
                        "nobody to believe",
                        c->name);
}

/* Each mechanism once, and only where it can work. */
static void check_listener_sasl(struct loader *l, const struct conf_listener *c,
                                const struct cfgtext_item *section)
{
    const struct cfgtext_item *item = find(l, section, "sasl");
    for (size_t i = 0; i < c->n_sasl; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(c->sasl[i], c->sasl[k]) == 0)
                loader_complain(l, item->line, "listener \"%s\" offers %s twice", c->name,
                                c->sasl[i]);
        }
        if (c->path && strcmp(c->sasl[i], "SCRAM-SHA-256-PLUS") == 0)
            loader_complain(l, item->line,
                            "listener \"%s\": SCRAM-SHA-256-PLUS binds to TLS, which a UNIX socket "
                            "has not: offer SCRAM-SHA-256",
                            c->name);
        if (c->address && c->client_cert == CONF_CLIENT_CERT_NONE &&
            strcmp(c->sasl[i], "EXTERNAL") == 0)
            loader_complain(l, item->line,
                            "listener \"%s\": EXTERNAL is for clients with a certificate, which "
                            "client_cert = \"none\" does not ask for",
                            c->name);
    }
    if (c->address && c->client_cert == CONF_CLIENT_CERT_NONE && !item)
        loader_complain(
            l, c->line,
            "listener \"%s\" takes no certificates: give it sasl = {...}, or nobody can "
            "log in",
            c->name);
}

static bool has_second_factor(const struct conf_listener *c)
{
    for (size_t i = 0; i < c->n_sasl; i++) {
        if (strcmp(c->sasl[i], "EXTERNAL") != 0)
            return true;
    }
    return false;
}

/* Somebody known by certificate or peer credentials logs in only where that is asked for. */
static void check_listener_identity(struct loader *l, const struct conf_listener *c,
                                    const struct cfgtext_item *section)
{
    const struct cfgtext_item *sasl = find(l, section, "sasl");
    bool all_known = c->path || c->client_cert == CONF_CLIENT_CERT_REQUIRED;
    bool login = c->identity == CONF_IDENTITY_SASL || c->two_factors;
    if (login && !sasl)
        loader_complain(l, c->line,
                        "listener \"%s\" demands a login and offers none: give it sasl = {...}",
                        c->name);
    if (sasl && all_known && !login)
        loader_complain(l, sasl->line,
                        "listener \"%s\": everybody is known here by %s, so that nobody could log "
                        "in: add identity = \"sasl\" or two_factors = true%s",
                        c->name, c->path ? "peer credentials" : "certificate",
                        c->path ? "" : ", or make client_cert optional");
    if (c->two_factors && c->address && c->client_cert != CONF_CLIENT_CERT_REQUIRED)
        loader_complain(l, c->line, "listener \"%s\": two_factors needs client_cert = \"required\"",
                        c->name);
    if (c->two_factors && sasl && !has_second_factor(c))
        loader_complain(l, sasl->line,
                        "listener \"%s\": EXTERNAL is no second factor: offer another mechanism",
                        c->name);
}

static bool same_place(const struct conf_listener *a, const struct conf_listener *b)
{
    if (a->path && b->path)
        return strcmp(a->path, b->path) == 0;
    return a->address && b->address && a->port && a->port == b->port &&
           strcmp(a->address, b->address) == 0;
}

static void check_listener(struct loader *l, size_t index)
{
    const struct conf_listener *c = &l->conf->listeners[index];
    const struct cfgtext_item *section = cfgtext_find(l->text, NULL, "listener", c->name);
    check_listener_kind(l, c, section);
    if (find(l, section, "address"))
        check_tls_listener(l, c, section);
    check_listener_sasl(l, c, section);
    check_listener_identity(l, c, section);
    for (size_t i = 0; i < index; i++) {
        const struct conf_listener *other = &l->conf->listeners[i];
        if (same_place(c, other))
            loader_complain(l, c->line, "listener \"%s\" is where listener \"%s\" is (line %u)",
                            c->name, other->name, other->line);
    }
    if (!c->vm || l->conf->n_directories > 0 || l->conf->n_libvirts > 0)
        return; /* which may bring the VM later */
    for (size_t i = 0; i < l->conf->n_vms; i++) {
        if (strcmp(l->conf->vms[i].name, c->vm) == 0)
            return;
    }
    loader_complain(l, find(l, section, "vm")->line,
                    "listener \"%s\" is for VM \"%s\", which no vm or vm_directory brings", c->name,
                    c->vm);
}

/* --- VMs -------------------------------------------------------------------------------------- */

static bool same_monitor(const struct conf_vm *a, const struct conf_vm *b)
{
    if (a->socket && b->socket)
        return strcmp(a->socket, b->socket) == 0;
    return a->address && b->address && a->port && a->port == b->port &&
           strcmp(a->address, b->address) == 0;
}

static void check_vm(struct loader *l, size_t index)
{
    const struct conf_vm *vm = &l->conf->vms[index];
    const struct cfgtext_item *section = cfgtext_find(l->text, NULL, "vm", vm->name);
    bool local = find(l, section, "socket");
    bool tcp = find(l, section, "address");
    if (local == tcp)
        loader_complain(l, vm->line,
                        "vm \"%s\" needs one of socket and address (with port), and not both",
                        vm->name);
    else if (tcp != !!find(l, section, "port"))
        loader_complain(l, vm->line, "vm \"%s\": address and port need each other", vm->name);
    for (size_t i = 0; i < index; i++) {
        const struct conf_vm *other = &l->conf->vms[i];
        if (same_monitor(vm, other))
            loader_complain(l, vm->line,
                            "vm \"%s\" has the monitor of vm \"%s\" (line %u): QEMU serves one "
                            "client a monitor",
                            vm->name, other->name, other->line);
        if (vm->uuid && other->uuid && strcmp(vm->uuid, other->uuid) == 0)
            loader_complain(l, vm->line, "vm \"%s\" has the UUID of vm \"%s\" (line %u)", vm->name,
                            other->name, other->line);
    }
}

/* Each label's key once: which of two values would the policy see? */
static void check_labels(struct loader *l, const char *what, const char *name, unsigned line,
                         const struct conf_labels *labels)
{
    for (size_t i = 0; i < labels->n; i++) {
        size_t key = strcspn(labels->items[i], "=") + 1;
        for (size_t k = 0; k < i; k++) {
            if (strncmp(labels->items[i], labels->items[k], key) == 0)
                loader_complain(l, line, "%s \"%s\" has two values for label %.*s", what, name,
                                (int)key - 1, labels->items[i]);
        }
    }
}

/* --- the rest --------------------------------------------------------------------------------- */

static void check_directory(struct loader *l, size_t index)
{
    const struct conf_vm_directory *d = &l->conf->directories[index];
    check_labels(l, "vm_directory", d->path, d->line, &d->labels);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(d->path, l->conf->directories[i].path) == 0)
            loader_complain(l, d->line, "vm_directory \"%s\" is already in line %u", d->path,
                            l->conf->directories[i].line);
    }
}

static void check_libvirt(struct loader *l, size_t index)
{
    const struct conf_libvirt *v = &l->conf->libvirts[index];
    check_labels(l, "libvirt", v->name, v->line, &v->labels);
    for (size_t i = 0; i < index; i++) {
        const struct conf_libvirt *other = &l->conf->libvirts[i];
        if (v->uri && other->uri && strcmp(v->uri, other->uri) == 0)
            loader_complain(l, v->line, "libvirt \"%s\" is where libvirt \"%s\" is (line %u)",
                            v->name, other->name, other->line);
    }
}

static void check_limits(struct loader *l)
{
    const struct conf_limits *m = &l->conf->limits;
    const struct cfgtext_item *section = find(l, NULL, "limits");
    if (m->output_soft_bytes > m->output_hard_bytes || m->output_hard_bytes > m->output_total_bytes)
        loader_complain(l, section ? section->line : 1,
                        "limits must grow from output_soft_bytes to output_hard_bytes to "
                        "output_total_bytes, and are %llu, %llu, %llu",
                        (unsigned long long)m->output_soft_bytes,
                        (unsigned long long)m->output_hard_bytes,
                        (unsigned long long)m->output_total_bytes);
}

static void check_cas(struct loader *l)
{
    const struct conf_ca *ca = l->conf->tls.cas;
    if (l->conf->tls.n_cas != 1 || *ca->name || !ca->crl)
        return;
    const struct cfgtext_item *tls = find(l, NULL, "tls");
    if (!find(l, tls, "ca"))
        loader_complain(l, find(l, tls, "crl")->line, "crl is a ca's: set ca as well");
}

static void check_sasl(struct loader *l)
{
    const struct cfgtext_item *section = find(l, NULL, "sasl");
    const struct cfgtext_item *socket = section ? find(l, section, "saslauthd") : NULL;
    if (socket && l->conf->sasl.pwcheck != CONF_PWCHECK_SASLAUTHD)
        loader_complain(l, socket->line,
                        "saslauthd is for pwcheck = \"saslauthd\": set that, or remove it");
}

static void check_audit(struct loader *l)
{
    static const char *const of_key[] = { "seal_public", "seal_old_key", "seal_command" };
    static const char *const of_old[] = { "seal_old_public" };
    const struct cfgtext_item *section = find(l, NULL, "audit");
    const struct cfgtext_item *key = section ? find(l, section, "seal_key") : NULL;
    const struct cfgtext_item *old = section ? find(l, section, "seal_old_key") : NULL;
    if (!section)
        return;
    l->conf->audit.seal_key_line = key ? key->line : 0;
    l->conf->audit.seal_old_key_line = old ? old->line : 0;
    if (!key)
        refuse_options(l, section, of_key, ARRAY_SIZE(of_key), "has no meaning without seal_key");
    if (!old)
        refuse_options(l, section, of_old, ARRAY_SIZE(of_old),
                       "has no meaning without seal_old_key");
}

/* --- sinks of the audit ----------------------------------------------------------------------- */

static void check_tls_sink(struct loader *l, const struct conf_audit_sink *c,
                           const struct cfgtext_item *section)
{
    if (c->path)
        loader_complain(l, c->line, "audit_sink \"%s\" has both path and address: choose", c->name);
    if (!c->ca)
        loader_complain(l, c->line,
                        "audit_sink \"%s\" has an address: set ca, or there is no receiver to "
                        "believe",
                        c->name);
    if (!!c->cert != !!c->key)
        loader_complain(l, find(l, section, c->cert ? "cert" : "key")->line,
                        "audit_sink \"%s\": cert and key need each other", c->name);
}

static void check_sink(struct loader *l, size_t index)
{
    static const char *const of_syslog[] = { "address", "facility", "hostname", "sd_id",
                                             "message_bytes" };
    static const char *const of_tls[] = { "port", "server_name", "ca", "cert", "key", "priority" };
    const struct conf_audit_sink *c = &l->conf->sinks[index];
    const struct cfgtext_item *section = cfgtext_find(l->text, NULL, "audit_sink", c->name);
    if (index == CONF_SINKS_MAX)
        loader_complain(l, c->line, "there are more than %d sections audit_sink", CONF_SINKS_MAX);
    if (c->type == CONF_SINK_UNKNOWN)
        return; /* that was said already */
    if (c->type == CONF_SINK_JOURNALD)
        refuse_options(l, section, of_syslog, ARRAY_SIZE(of_syslog), "is for type = \"syslog\"");
    if (find(l, section, "address"))
        check_tls_sink(l, c, section);
    else
        refuse_options(l, section, of_tls, ARRAY_SIZE(of_tls), "is for a sink with address");
}

/* A UUID is compared as text from here on, and so is a TLS server name. */
static void lower_case(char *s)
{
    for (; s && *s; s++) {
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
    }
}

static void make_canonical(struct conf *c)
{
    for (size_t i = 0; i < c->n_vms; i++)
        lower_case(c->vms[i].uuid);
    for (size_t i = 0; i < c->n_listeners; i++)
        lower_case(c->listeners[i].sni_suffix);
}

void loader_check_whole(struct loader *l)
{
    const struct conf *c = l->conf;
    make_canonical(l->conf);
    if (c->n_listeners == 0)
        loader_complain(l, 1,
                        "no listener: write listener \"NAME\" { ... }, or nobody can connect");
    check_cas(l);
    for (size_t i = 0; i < c->n_listeners; i++)
        check_listener(l, i);
    for (size_t i = 0; i < c->n_vms; i++) {
        check_vm(l, i);
        check_labels(l, "vm", c->vms[i].name, c->vms[i].line, &c->vms[i].labels);
    }
    for (size_t i = 0; i < c->n_directories; i++)
        check_directory(l, i);
    check_audit(l);
    for (size_t i = 0; i < c->n_sinks; i++)
        check_sink(l, i);
    for (size_t i = 0; i < c->n_libvirts; i++)
        check_libvirt(l, i);
    check_sasl(l);
    check_limits(l);
}
