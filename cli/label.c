#include "config.h"
#include "cli/label.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "cli/libvirt.h"
#include "conf/form.h"
#include "proxy/libvirt_labels.h"

#define PREFIX "qmpgate" /* of the element, for who reads the XML */

/* One of the two that a domain may be: what runs, and what is kept. */
struct side {
    unsigned flag;
    bool there;
    struct conf_labels labels;
    struct buf xml; /* what it will have */
};

struct domain {
    const struct libvirt *lib;
    virConnectPtr conn;
    virDomainPtr ptr;
    struct side sides[2]; /* what is kept comes first: it is more */
};

static void drop_error(void *opaque, virErrorPtr error)
{
    (void)opaque, (void)error; /* libvirt would write it to stderr; we tell it ourselves */
}

static int fail(const struct libvirt *lib, struct error *err, const char *what)
{
    int code = lib->virGetLastErrorCode();
    bool denied = code == VIR_ERR_OPERATION_DENIED || code == VIR_ERR_ACCESS_DENIED ||
                  code == VIR_ERR_AUTH_FAILED || code == VIR_ERR_AUTH_CANCELLED;
    return error_set(err, denied ? ERROR_DENIED : ERROR_PEER, "%s: %s", what,
                     lib->virGetLastErrorMessage());
}

/* --- the domain ------------------------------------------------------------------------------- */

static int find_domain(struct domain *d, const char *name, struct error *err)
{
    if (conf_form_uuid(name, NULL) == 0)
        d->ptr = d->lib->virDomainLookupByUUIDString(d->conn, name);
    if (!d->ptr)
        d->ptr = d->lib->virDomainLookupByName(d->conn, name);
    return d->ptr ? 0 : fail(d->lib, err, name);
}

static int open_domain(struct domain *d, const struct label_job *job, struct error *err)
{
    d->lib = libvirt_load(err);
    if (!d->lib)
        return ERROR_STATE;
    d->lib->virSetErrorFunc(NULL, drop_error);
    d->conn = d->lib->virConnectOpen(job->uri);
    if (!d->conn)
        return fail(d->lib, err, "cannot connect to libvirt");
    int rc = find_domain(d, job->domain, err);
    if (rc < 0)
        return rc;
    d->sides[0] = (struct side){ .flag = VIR_DOMAIN_AFFECT_CONFIG,
                                 .there = d->lib->virDomainIsPersistent(d->ptr) == 1 };
    d->sides[1] = (struct side){ .flag = VIR_DOMAIN_AFFECT_LIVE,
                                 .there = d->lib->virDomainIsActive(d->ptr) == 1 };
    return 0;
}

static void close_domain(struct domain *d)
{
    for (size_t i = 0; i < ARRAY_SIZE(d->sides); i++) {
        libvirt_labels_free(&d->sides[i].labels);
        buf_free(&d->sides[i].xml);
    }
    if (d->ptr)
        d->lib->virDomainFree(d->ptr);
    if (d->conn)
        d->lib->virConnectClose(d->conn);
}
#define CLEANUP_DOMAIN CLEANUP(close_domain)

/* --- its labels ------------------------------------------------------------------------------- */

static int read_side(struct domain *d, struct side *side, struct error *err)
{
    CLEANUP_FREE char *xml = d->lib->virDomainGetMetadata(d->ptr, VIR_DOMAIN_METADATA_ELEMENT,
                                                          LIBVIRT_LABELS_URI, side->flag);
    if (!xml && d->lib->virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_METADATA)
        return 0;
    if (!xml)
        return fail(d->lib, err, "cannot read its metadata");
    if (libvirt_labels_parse(xml, &side->labels, err) < 0) {
        struct error why = *err;
        return error_set(err, ERROR_PEER,
                         "its labels cannot be read (--reset begins with none): %s", why.text);
    }
    return 0;
}

static int change_side(struct side *side, const struct label_job *job, struct error *err)
{
    for (int i = 0; i < job->n_changes; i++) {
        int rc = libvirt_labels_change(&side->labels, job->changes[i], err);
        if (rc < 0) {
            error_prefix(err, "%s", job->changes[i]);
            return rc;
        }
    }
    int rc = libvirt_labels_format(&side->labels, &side->xml, err);
    if (rc < 0)
        error_prefix(err, "its labels then");
    return rc;
}

static int write_side(struct domain *d, struct side *side, struct error *err)
{
    const char *xml = side->labels.n ? buf_data(&side->xml) : NULL; /* NULL: without the element */
    if (d->lib->virDomainSetMetadata(d->ptr, VIR_DOMAIN_METADATA_ELEMENT, xml, PREFIX,
                                     LIBVIRT_LABELS_URI, side->flag) == 0)
        return 0;
    if (!xml && d->lib->virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_METADATA)
        return 0;
    return fail(d->lib, err, "cannot write its metadata");
}

/* Each side keeps what it has beside the changes. Nothing is written unless all of it can be. */
static int change(struct domain *d, const struct label_job *job, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(d->sides); i++) {
        struct side *side = &d->sides[i];
        int rc = side->there && !job->reset ? read_side(d, side, err) : 0;
        if (rc == 0 && side->there)
            rc = change_side(side, job, err);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < ARRAY_SIZE(d->sides); i++) {
        int rc = d->sides[i].there ? write_side(d, &d->sides[i], err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* What counts now: of one that runs, what runs. */
static int show(struct cli *cli, struct domain *d, struct error *err)
{
    CLEANUP_DOCUMENT struct json_object *object = json_object_new_object();
    struct side *side = &d->sides[d->sides[1].there];
    int rc = read_side(d, side, err);
    for (size_t i = 0; i < side->labels.n; i++) {
        const char *label = side->labels.items[i];
        CLEANUP_FREE char *key = mem_strndup(label, strcspn(label, "="));
        json_object_object_add(object, key, json_object_new_string(label + strlen(key) + 1));
    }
    if (rc == 0)
        output_members(&cli->output, stdout, object);
    return rc;
}

enum cli_exit label_run(struct cli *cli, const struct label_job *job)
{
    CLEANUP_DOMAIN struct domain d = { 0 };
    struct error err;
    int rc = open_domain(&d, job, &err);
    if (rc == 0)
        rc = job->n_changes || job->reset ? change(&d, job, &err) : show(cli, &d, &err);
    return rc < 0 ? cli_fail(&err) : CLI_EXIT_OK;
}
