#include "config.h"
#include "qmp/uri.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include "base/mem.h"

#define TLS_SCHEME  "qmps://"
#define UNIX_SCHEME "unix:"

void uri_clear(struct uri *u)
{
    free(u->host);
    free(u->path);
    free(u->vm);
    *u = (struct uri){ 0 };
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Undoes %XX; `what` names the part in an error. The result has no NUL and no control byte. */
static int decode(struct span in, const char *what, char **out, struct error *err)
{
    CLEANUP_FREE char *text = mem_alloc(in.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.data[i];
        if (c == '%') {
            int high = i + 1 < in.len ? hex_value(in.data[i + 1]) : -1;
            int low = i + 2 < in.len ? hex_value(in.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return error_set(err, ERROR_INVALID,
                                 "the %s of the URI has a %% without two hexadecimal digits; "
                                 "write %%25 for the character itself",
                                 what);
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (is_control((unsigned char)c))
            return error_set(err, ERROR_INVALID, "the %s of the URI has a control character", what);
        text[n++] = c;
    }
    text[n] = '\0';
    *out = TAKE_PTR(text);
    return 0;
}

int uri_parse_vm(struct span in, char **out, struct error *err)
{
    CLEANUP_FREE char *vm = NULL;
    if (in.len == 0)
        return error_set(err, ERROR_INVALID, "the VM's name in the URI is empty");
    int rc = decode(in, "VM", &vm, err);
    if (rc < 0)
        return rc;
    if (strlen(vm) > URI_VM_MAX)
        return error_set(err, ERROR_INVALID, "the VM's name in the URI is longer than %u bytes",
                         URI_VM_MAX);
    if (strchr(vm, '/'))
        return error_set(err, ERROR_INVALID, "the VM's name \"%s\" has a slash; no VM has", vm);
    *out = TAKE_PTR(vm);
    return 0;
}

static int parse_port(struct span in, unsigned *out, struct error *err)
{
    unsigned port = 0;
    for (size_t i = 0; i < in.len && port <= 65535; i++) {
        if (in.data[i] < '0' || in.data[i] > '9')
            port = 65536;
        else
            port = port * 10 + (unsigned)(in.data[i] - '0');
    }
    if (port == 0 || port > 65535)
        return error_set(err, ERROR_INVALID, "port \"%.*s\" is not a number from 1 to 65535",
                         (int)(in.len < 32 ? in.len : 32), in.data);
    *out = port;
    return 0;
}

/* What a host may be made of; a name's other rules are the resolver's business. */
static bool host_is_plain(const char *host, bool bracketed)
{
    const char *extra = bracketed ? ":.%_-" : "._-";
    for (const char *p = host; *p; p++) {
        bool alnum =
            (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (!alnum && !strchr(extra, *p))
            return false;
    }
    return *host != '\0' && *host != '-' && strlen(host) <= URI_HOST_MAX;
}

/* "HOST[:PORT]" */
static int parse_authority(struct span in, struct uri *u, struct error *err)
{
    struct span host = in, port = { 0 };
    bool bracketed = in.len > 0 && in.data[0] == '[', has_port = false;
    if (bracketed) {
        const char *end = memchr(in.data, ']', in.len);
        if (!end)
            return error_set(err, ERROR_INVALID, "the address in the URI has no closing ]");
        host = (struct span){ in.data + 1, (size_t)(end - in.data) - 1 };
        port = (struct span){ end + 1, in.len - host.len - 2 };
        has_port = port.len > 0;
        if (has_port && port.data[0] != ':')
            return error_set(err, ERROR_INVALID, "after ] comes :PORT or /VM");
    } else {
        const char *colon = memchr(in.data, ':', in.len);
        if (colon) {
            host.len = (size_t)(colon - in.data);
            port = (struct span){ colon, in.len - host.len };
            has_port = true;
            if (memchr(colon + 1, ':', port.len - 1))
                return error_set(err, ERROR_INVALID,
                                 "write an IPv6 address in brackets: qmps://[::1]/VM");
        }
    }
    int rc = decode(host, "host", &u->host, err);
    if (rc < 0)
        return rc;
    if (!host_is_plain(u->host, bracketed))
        return error_set(err, ERROR_INVALID,
                         "\"%.*s\" is not a host: give a name, an address or [IPv6 address]",
                         (int)(host.len < 64 ? host.len : 64), host.data);
    u->port = URI_DEFAULT_PORT;
    if (!has_port)
        return 0;
    return parse_port((struct span){ port.data + 1, port.len - 1 }, &u->port, err);
}

static int parse_tls(const char *text, struct uri *u, struct error *err)
{
    u->kind = URI_TLS;
    if (strpbrk(text, "?#@"))
        return error_set(err, ERROR_INVALID,
                         "a qmps URI has no user, query or fragment: qmps://HOST[:PORT]/VM");
    size_t authority = strcspn(text, "/");
    int rc = parse_authority((struct span){ text, authority }, u, err);
    if (rc < 0)
        return rc;
    const char *vm = text + authority;
    if (vm[0] == '\0' || vm[1] == '\0')
        return 0;
    return uri_parse_vm((struct span){ vm + 1, strlen(vm + 1) }, &u->vm, err);
}

static int parse_unix(const char *text, struct uri *u, struct error *err)
{
    u->kind = URI_UNIX;
    if (strchr(text, '#'))
        return error_set(err, ERROR_INVALID, "a # in a socket's path is written %%23");
    if (strncmp(text, "//", 2) == 0 && text[2] != '/')
        return error_set(err, ERROR_INVALID,
                         "a unix URI has no host: write unix:PATH or unix:///PATH");
    size_t path = strcspn(text, "?");
    int rc = decode((struct span){ text, path }, "path", &u->path, err);
    if (rc < 0)
        return rc;
    if (u->path[0] == '\0')
        return error_set(err, ERROR_INVALID, "the socket's path is missing: unix:PATH");
    if (strlen(u->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return error_set(err, ERROR_INVALID, "the socket's path is longer than %zu bytes",
                         sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    if (text[path] == '\0')
        return 0;
    const char *query = text + path + 1;
    if (strncmp(query, "vm=", 3) != 0 || strpbrk(query, "&?"))
        return error_set(err, ERROR_INVALID,
                         "after ? only vm=NAME is known: unix:PATH?vm=NAME (a ? in the path itself "
                         "is written %%3F)");
    return uri_parse_vm((struct span){ query + 3, strlen(query + 3) }, &u->vm, err);
}

int uri_parse(const char *text, struct uri *out, struct error *err)
{
    CLEANUP_URI struct uri u = { 0 };
    int rc;
    *out = (struct uri){ 0 };
    if (strncmp(text, TLS_SCHEME, strlen(TLS_SCHEME)) == 0)
        rc = parse_tls(text + strlen(TLS_SCHEME), &u, err);
    else if (strncmp(text, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0)
        rc = parse_unix(text + strlen(UNIX_SCHEME), &u, err);
    else
        rc = error_set(err, ERROR_INVALID,
                       "a URI is qmps://HOST[:PORT]/VM, unix:PATH or unix:PATH?vm=NAME");
    if (rc < 0)
        return rc;
    *out = u;
    u = (struct uri){ 0 };
    return 0;
}
