#include "config.h"
#include "qmp/siphash.h"

#include <string.h>
#include "base/random.h"

#define ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))

struct sip {
    uint64_t a, b, c, d;
};

static inline void sip_round(struct sip *v)
{
    v->a += v->b;
    v->b = ROTL(v->b, 13) ^ v->a;
    v->a = ROTL(v->a, 32);
    v->c += v->d;
    v->d = ROTL(v->d, 16) ^ v->c;
    v->a += v->d;
    v->d = ROTL(v->d, 21) ^ v->a;
    v->c += v->b;
    v->b = ROTL(v->b, 17) ^ v->c;
    v->c = ROTL(v->c, 32);
}

static inline void sip_word(struct sip *v, uint64_t word)
{
    v->d ^= word;
    sip_round(v);
    v->a ^= word;
}

uint64_t qmp_siphash(const uint64_t seed[2], const char *data, size_t len)
{
    struct sip v = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
                     seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
    uint64_t word, last = (uint64_t)len << 56;
    size_t i = 0;
    for (; len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));
        sip_word(&v, word);
    }
    for (size_t shift = 0; i < len; i++, shift += 8)
        last |= (uint64_t)(unsigned char)data[i] << shift;
    sip_word(&v, last);
    v.c ^= 0xff;
    sip_round(&v);
    sip_round(&v);
    sip_round(&v);
    return v.a ^ v.b ^ v.c ^ v.d;
}

void qmp_siphash_seed(uint64_t seed[2])
{
    random_bytes(seed, 2 * sizeof(seed[0]));
}
