/* catalogue URI: the catalogue of a VM's devices by a session of libqmp, on standard output. */
#include <libqmp/session.h>
#include <qdev.h>
#include <stdio.h>
#include <stdlib.h>

static int ask(void *opaque, const char *command, const char *arguments, char **result)
{
    struct qmp_error *err = NULL;
    if (qmp_execute(opaque, command, arguments, result, &err) == 0)
        return 0;
    int rc = qmp_error_kind(err) == QMP_ERROR_KIND_REFUSED ? 1 : -1;
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", command, qmp_error_text(err));
    qmp_error_free(err);
    return rc;
}

int main(int argc, char **argv)
{
    struct qmp_error *err = NULL;
    struct qdev_error *why = NULL;
    struct qmp_session *session;
    if (argc != 2 || qmp_open(argv[1], 20000, &session, &err) < 0) {
        fprintf(stderr, "catalogue URI: %s\n", err ? qmp_error_text(err) : "which?");
        qmp_error_free(err);
        return 2;
    }
    struct qdev_catalogue *c = qdev_catalogue_ask(ask, session, &why);
    char *text = c ? qdev_catalogue_text(c) : NULL;
    if (c)
        fputs(text, stdout);
    else
        fprintf(stderr, "catalogue: %s\n", qdev_error_text(why));
    free(text);
    qdev_error_free(why);
    qdev_catalogue_free(c);
    qmp_close(session);
    return c ? 0 : 1;
}
