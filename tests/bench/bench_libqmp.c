/* How fast libqmp is, in time of the processor (others may use it meanwhile): a message built,
 * replies read into structures by the tape, and freed. `make tests/bench/bench_libqmp &&
 * tests/bench/bench_libqmp [SCHEMA]`; SCHEMA is what query-qmp-schema returns (default: the pinned
 * one of tests/data). */
#include "config.h"

#include <poll.h>
#include <qdev.h>
#include <qmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/mem.h"

#define RUN_US 300000 /* microseconds that each line takes */

static struct qmp_msg *msg;

static void die(struct qmp_error *err)
{
    fprintf(stderr, "bench_libqmp: %s\n", err ? qmp_error_text(err) : "no such file");
    exit(1);
}

static void read_schema(const char *json)
{
    struct qmp_error *err = NULL;
    struct qmp_schema_info_list *list;
    if (qmp_query_qmp_schema_parse_reply(json, &list, &err) < 0)
        die(err);
    qmp_schema_info_list_free(list);
}

static void read_status(const char *json)
{
    struct qmp_error *err = NULL;
    struct qmp_status_info *info;
    if (qmp_query_status_parse_reply(json, &info, &err) < 0)
        die(err);
    qmp_status_info_free(info);
}

static void build_status(const char *json)
{
    struct qmp_error *err = NULL;
    if (qmp_query_status_build(NULL, msg, &err) < 0)
        die(err);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void run(const char *what, void (*once)(const char *json), const char *json)
{
    uint64_t rounds = 0;
    int64_t begin = now_us(), now;
    do {
        for (int i = 0; i < 16; i++, rounds++)
            once(json);
        now = now_us();
    } while (now - begin < RUN_US);
    double ns = (double)(now - begin) * 1000 / (double)rounds;
    printf("%-34s %9zu bytes %12.0f ns %8.0f MB/s\n", what, strlen(json), ns,
           (double)strlen(json) * 1000 / ns);
}

static char *schema_reply(const char *path)
{
    struct buf b = { 0 };
    size_t n = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        die(NULL);
    BUF_ADD_LIT(&b, "{\"return\": ");
    do {
        buf_commit(&b, n);
        n = fread(buf_reserve(&b, 65536), 1, 65536, f);
    } while (n > 0);
    fclose(f);
    buf_add(&b, "}", 2);
    return buf_data(&b);
}

/* --- round trips ------------------------------------------------------------------------------ */

#define TURNS 2000 /* of each, turn by turn, so that both have the same weather */

static int compare(const void *a, const void *b)
{
    return *(const int64_t *)a < *(const int64_t *)b ? -1 : 1;
}

static int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The same request by hand on the same socket. */
static void raw_turn(int fd)
{
    static const char request[] = "{\"execute\":\"query-status\",\"id\":1000}\n";
    char reply[4096];
    struct pollfd p = { .fd = fd, .events = POLLIN };
    size_t len = 0;
    if (write(fd, request, sizeof(request) - 1) != sizeof(request) - 1)
        die(NULL);
    do {
        poll(&p, 1, -1);
        ssize_t n = read(fd, reply + len, sizeof(reply) - len);
        if (n <= 0)
            die(NULL);
        len += (size_t)n;
    } while (reply[len - 1] != '\n');
}

static void typed_turn(struct qmp_session *session)
{
    struct qmp_error *err = NULL;
    struct qmp_status_info *info;
    if (qmp_query_status(session, NULL, &info, &err) < 0)
        die(err);
    qmp_status_info_free(info);
}

static void run_session(const char *uri)
{
    static int64_t raw[TURNS], typed[TURNS];
    struct qmp_error *err = NULL;
    struct qmp_session *session;
    if (qmp_open(uri, 5000, &session, &err) < 0)
        die(err);
    for (int i = 0; i < TURNS; i++) {
        int64_t begin = wall_ns();
        raw_turn(qmp_session_fd(session));
        int64_t middle = wall_ns();
        typed_turn(session);
        raw[i] = middle - begin;
        typed[i] = wall_ns() - middle;
    }
    qsort(raw, TURNS, sizeof(*raw), compare);
    qsort(typed, TURNS, sizeof(*typed), compare);
    printf("%-34s %27lld ns\n%-34s %27lld ns, %.3f of it\n", "raw query-status, median",
           (long long)raw[TURNS / 2], "typed query-status, median", (long long)typed[TURNS / 2],
           (double)typed[TURNS / 2] / (double)raw[TURNS / 2]);
    qmp_close(session);
}

/* --- a catalogue ------------------------------------------------------------------------------ */

static int ask(void *session, const char *command, const char *arguments, char **result)
{
    struct qmp_error *err = NULL;
    if (qmp_execute(session, command, arguments, result, &err) == 0)
        return 0;
    int rc = qmp_error_kind(err) == QMP_ERROR_KIND_REFUSED ? 1 : -1;
    qmp_error_free(err);
    return rc;
}

#define PARSES 20

static void run_catalogue(const char *uri)
{
    static int64_t took[PARSES];
    struct qmp_error *err = NULL;
    struct qmp_session *session;
    if (qmp_open(uri, 5000, &session, &err) < 0)
        die(err);
    int64_t begin = wall_ns();
    struct qdev_catalogue *c = qdev_catalogue_ask(ask, session, NULL);
    int64_t live = wall_ns() - begin;
    qmp_close(session);
    if (!c)
        die(NULL);
    CLEANUP_FREE char *text = qdev_catalogue_text(c);
    for (int i = 0; i < PARSES; i++) {
        begin = wall_ns();
        struct qdev_catalogue *again = qdev_catalogue_parse(text, NULL);
        took[i] = wall_ns() - begin;
        qdev_catalogue_free(again);
    }
    qsort(took, PARSES, sizeof(*took), compare);
    printf("%-34s %21.1f ms, %zu devices\n%-34s %9zu bytes %5.1f ms, median\n",
           "catalogue of a running QEMU", (double)live / 1e6, qdev_catalogue_count(c, QDEV_DEVICE),
           "catalogue from a file", strlen(text), (double)took[PARSES / 2] / 1e6);
    qdev_catalogue_free(c);
}

int main(int argc, char **argv)
{
    const char *top = getenv("abs_top_srcdir");
    CLEANUP_FREE char *pinned = mem_printf("%s/tests/data/schema-7.2.json", top ? top : ".");
    CLEANUP_FREE char *schema = schema_reply(argc > 1 ? argv[1] : pinned);
    msg = qmp_msg_new();
    run("build query-status", build_status, "{\"execute\":\"query-status\"}");
    run("read and free query-status", read_status,
        "{\"return\": {\"status\": \"running\", \"singlestep\": false, \"running\": true}}\r\n");
    run("read and free query-qmp-schema", read_schema, schema);
    qmp_msg_free(msg);
    if (argc > 2) {
        run_session(argv[2]);
        run_catalogue(argv[2]);
    }
    return 0;
}
