/* A program that uses libsasl2 itself, and then something (libqmp) that logs in by our half of it:
 * the program's locks and memory stay its own. A process of its own, since libsasl2 has one state.
 */
#include "config.h"
#include "tests/unit/unit.h"

#include <malloc.h>
#include <sasl/sasl.h>
#include <stdlib.h>
#include <string.h>
#include "auth/sasl_client.h"
#include "base/mem.h"

static unsigned n_allocated, n_freed, n_locked;

static void *own_malloc(size_t size)
{
    n_allocated++;
    return malloc(size);
}

static void *own_calloc(size_t n, size_t size)
{
    n_allocated++;
    return calloc(n, size);
}

static void own_free(void *p)
{
    n_freed += p != NULL;
    free(p);
}

static void *own_mutex(void)
{
    static int one;
    return &one; /* anybody else's lock function would take it for a mutex */
}

static int own_lock(void *m)
{
    assert_ptr_equal(m, own_mutex());
    n_locked++;
    return SASL_OK;
}

static int own_unlock(void *m)
{
    assert_ptr_equal(m, own_mutex());
    return SASL_OK;
}

static void own_dispose(void *m)
{
}

static char *password(void *opaque)
{
    return mem_strdup("secret");
}

/* As far as the first message. */
static void log_in(void)
{
    static const char *const offered[] = { "SCRAM-SHA-256" };
    const struct sasl_caller_settings settings = {
        .service = "qmpgate", .hostname = "localhost", .user = "alice", .password = password
    };
    struct sasl_caller *c;
    struct sasl_said said;
    const char *mechanism;
    struct error err;
    if (sasl_caller_process_start(&err) < 0 || sasl_caller_new(&settings, &c, &err) < 0 ||
        sasl_caller_start(c, offered, 1, &mechanism, &said, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(mechanism, "SCRAM-SHA-256");
    sasl_caller_free(c);
}

static void who_started_it_keeps_locks_and_memory(void **state)
{
    sasl_conn_t *conn = NULL;
    sasl_set_alloc(own_malloc, own_calloc, realloc, own_free);
    sasl_set_mutex(own_mutex, own_lock, own_unlock, own_dispose);
    assert_int_equal(sasl_client_init(NULL), SASL_OK);
    log_in();
    unsigned allocated = n_allocated, freed = n_freed, locked = n_locked;
    assert_int_equal(sasl_client_new("other", "localhost", NULL, NULL, NULL, 0, &conn), SASL_OK);
    sasl_dispose(&conn);
    assert_true(n_allocated > allocated);
    assert_true(n_freed > freed);
    assert_true(n_locked >= locked && n_locked > 0);
}

static void what_we_started_is_not_ended_by_the_program_s_end_of_it(void **state)
{
    assert_int_equal(sasl_client_done(), SASL_CONTINUE); /* ours goes on */
    log_in();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_started_it_keeps_locks_and_memory),
        cmocka_unit_test(what_we_started_is_not_ended_by_the_program_s_end_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
