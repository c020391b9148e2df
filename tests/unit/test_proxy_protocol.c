#include "config.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include "base/mem.h"
#include "net/address.h"
#include "net/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4                     \
    SIGNATURE "\x21\x11\0\x0c"   \
              "\xc0\0\x02\x01"   \
              "\xc6\x33\x64\x02" \
              "\x30\x39\x11\x52"

#define BYTES(lit) (const unsigned char *)(lit), sizeof(lit) - 1

/* Every prefix of it must want more, from memory of just that size. */
static enum proxy_protocol_status parse(const unsigned char *data, size_t len, size_t *consumed,
                                        struct sockaddr_storage *peer)
{
    struct error err = { .text = "" };
    CLEANUP_FREE unsigned char *exact = mem_dup(data, len);
    enum proxy_protocol_status status = proxy_protocol_parse(exact, len, consumed, peer, &err);
    if (status == PROXY_PROTOCOL_BAD)
        assert_memory_equal(err.text, "PROXY protocol: ", 16);
    return status;
}

static void parses_as(const unsigned char *data, size_t len, size_t header, const char *address)
{
    size_t consumed = 0;
    struct sockaddr_storage peer;
    char text[ADDRESS_TEXT_MAX];
    assert_int_equal(parse(data, len, &consumed, &peer), PROXY_PROTOCOL_DONE);
    assert_int_equal(consumed, header);
    assert_string_equal(address_format(&peer, text), address);
    for (size_t i = 0; i < header; i++)
        assert_int_equal(parse(data, i, &consumed, &peer), PROXY_PROTOCOL_MORE);
}

static void is_bad(const unsigned char *data, size_t len)
{
    size_t consumed;
    struct sockaddr_storage peer;
    assert_int_equal(parse(data, len, &consumed, &peer), PROXY_PROTOCOL_BAD);
}

static void ipv4_is_read(void **state)
{
    parses_as(BYTES(TCP4), 28, "192.0.2.1:12345");
}

static void what_follows_the_header_is_left(void **state)
{
    parses_as(BYTES(TCP4 "\x16\x03\x01"), 28, "192.0.2.1:12345");
}

static void ipv6_is_read(void **state)
{
    parses_as(BYTES(SIGNATURE "\x21\x21\0\x24"
                              "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                              "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
                              "\x30\x39\x11\x52"),
              52, "[2001:db8::1]:12345");
}

static void fields_behind_the_addresses_are_skipped(void **state)
{
    parses_as(BYTES(SIGNATURE "\x21\x11\0\x13"
                              "\xc0\0\x02\x01\xc6\x33\x64\x02\x30\x39\x11\x52"
                              "\x04\0\x01z"
                              "\x04\0\0"),
              35, "192.0.2.1:12345");
}

static void local_has_no_address_and_its_body_is_skipped(void **state)
{
    parses_as(BYTES(SIGNATURE "\x20\0\0\0"), 16, "unknown");
    parses_as(BYTES(SIGNATURE "\x20\x11\0\x03xyz"), 19, "unknown");
}

static void another_version_or_command_is_bad(void **state)
{
    is_bad(BYTES(SIGNATURE "\x11\x11\0\x0c"));
    is_bad(BYTES(SIGNATURE "\x31"));
    is_bad(BYTES(SIGNATURE "\x22\x11\0\x0c"));
    is_bad(BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 12345 4434\r\n"));
}

static void no_signature_is_bad_from_the_first_wrong_byte(void **state)
{
    is_bad(BYTES("\x16\x03\x01"));
    is_bad(BYTES("\r\n\r\n\r"));
    is_bad(BYTES("\0"));
    is_bad(BYTES("\r\n\r\n\0\r\nQUIT\r"));
}

static void a_client_without_tcp_address_is_bad(void **state)
{
    is_bad(BYTES(SIGNATURE "\x21\0\0\0"));     /* unspecified */
    is_bad(BYTES(SIGNATURE "\x21\x12\0\x0c")); /* UDP */
    is_bad(BYTES(SIGNATURE "\x21\x31\0\xd8")); /* UNIX */
    is_bad(BYTES(SIGNATURE "\x21\x41\0\x0c"
                           "aaaabbbbccdd")); /* nothing known */
}

static void too_short_for_its_addresses_is_bad(void **state)
{
    is_bad(BYTES(SIGNATURE "\x21\x11\0\x0b"
                           "aaaabbbbccd"));
    is_bad(BYTES(SIGNATURE "\x21\x21\0\x0c"
                           "aaaabbbbccdd"));
}

static void too_long_is_bad_before_the_rest_has_come(void **state)
{
    is_bad(BYTES(SIGNATURE "\x21\x11\x02\x09"));
    is_bad(BYTES(SIGNATURE "\x20\x11\xff\xff"));
}

static void a_field_beyond_the_header_is_bad(void **state)
{
    is_bad(BYTES(SIGNATURE "\x21\x11\0\x10"
                           "\xc0\0\x02\x01\xc6\x33\x64\x02\x30\x39\x11\x52"
                           "\x04\0\x02z"));
    is_bad(BYTES(SIGNATURE "\x21\x11\0\x0e"
                           "\xc0\0\x02\x01\xc6\x33\x64\x02\x30\x39\x11\x52"
                           "\x04\0"));
}

static void headers_are_detected_where_none_may_come(void **state)
{
    assert_true(proxy_protocol_detect(BYTES(TCP4)));
    assert_true(proxy_protocol_detect(BYTES("\r")));
    assert_true(proxy_protocol_detect(BYTES("PROXY TCP4 ")));
    assert_true(proxy_protocol_detect(BYTES("PRO")));
    assert_false(proxy_protocol_detect(BYTES("")));
    assert_false(proxy_protocol_detect(BYTES("\x16\x03\x01")));
    assert_false(proxy_protocol_detect(BYTES("{\"execute\"")));
    assert_false(proxy_protocol_detect(BYTES("PROXYTCP4")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_read),
        cmocka_unit_test(what_follows_the_header_is_left),
        cmocka_unit_test(ipv6_is_read),
        cmocka_unit_test(fields_behind_the_addresses_are_skipped),
        cmocka_unit_test(local_has_no_address_and_its_body_is_skipped),
        cmocka_unit_test(another_version_or_command_is_bad),
        cmocka_unit_test(no_signature_is_bad_from_the_first_wrong_byte),
        cmocka_unit_test(a_client_without_tcp_address_is_bad),
        cmocka_unit_test(too_short_for_its_addresses_is_bad),
        cmocka_unit_test(too_long_is_bad_before_the_rest_has_come),
        cmocka_unit_test(a_field_beyond_the_header_is_bad),
        cmocka_unit_test(headers_are_detected_where_none_may_come),
    };
    return cmocka_run_group_tests_name("proxy_protocol", tests, NULL, NULL);
}
