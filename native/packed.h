// Products with packed weights on a processor: 8-bit integers with a scale for each output, and 4-bit NormalFloat in blocks of 64 values. Weights
// are unpacked between memory and arithmetic, so that reading them takes a quarter or a seventh of the time. Part of torch_bridge.cpp; operators
// of the namespace `attune`, which are called by name like any other.
//
// Each sum of products has one order, whatever the number of rows and of threads: lane l of 16 adds what stands at l, l + 16, … by fused
// multiply-add, then halves of the lanes are added, then what is left over. A few rows are multiplied straight from the codes; for more, four outputs'
// weights are unpacked once. Both are the same numbers, and so are AVX2's and AVX-512's; plain code elsewhere differs from them by rounding.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define PACKED_AVX2 __attribute__((target("avx2,fma")))
#define PACKED_AVX512 __attribute__((target("avx512f,avx2,fma")))
#define PACKED_INLINE inline __attribute__((always_inline))
#endif

namespace {
namespace packed {

constexpr int64_t lanes = 16, block = 64;
constexpr int64_t far = 8192;    // bytes ahead that codes are asked for: rows are too short for the processor to see a pattern in time
constexpr int64_t together = 4;  // outputs that share what is read of a row, and rows that share what is read of a weight

enum Kernel : int64_t { kPlain = 0, kAvx2 = 1, kAvx512 = 2 };

// A matrix [outputs, inputs] in 8-bit integers: w = scale of its output * code.
struct Int8 {
    const int8_t* codes;
    const float* scales;
    int64_t inputs;

    float one(int64_t output, int64_t k) const { return static_cast<float>(codes[output * inputs + k]); }  // the scale follows behind the sum
    float finish(int64_t output, float sum) const { return sum * scales[output]; }
    bool can_be_read_by_lanes() const { return true; }
    const char* ahead(int64_t output) const { return reinterpret_cast<const char*>(codes) + output * inputs + std::max(far, together * inputs); }
    static constexpr int64_t bits = 8;
};

// The same in NormalFloat: two codes a byte, the first in the upper half; blocks follow each other across the ends of rows.
struct Nf4 {
    const uint8_t* codes;
    const float* scales;
    int64_t inputs;
    float values[16];

    float one(int64_t output, int64_t k) const {
        const int64_t at = output * inputs + k;
        const uint8_t two = codes[at / 2];
        return values[at % 2 == 0 ? two >> 4 : two & 15] * scales[at / block];
    }
    float finish(int64_t, float sum) const { return sum; }
    bool can_be_read_by_lanes() const { return inputs % lanes == 0; }  // then 16 neighbours lie in one block
    const char* ahead(int64_t output) const { return reinterpret_cast<const char*>(codes) + output * inputs / 2 + std::max(far, together * inputs / 2); }
    static constexpr int64_t bits = 4;
};

// The same as it is: where rows are few, a product that packs the weights first reads them more often than it computes with them.
struct Float32 {
    const float* values;
    int64_t inputs;
    float one(int64_t output, int64_t k) const { return values[output * inputs + k]; }
    float finish(int64_t, float sum) const { return sum; }
    bool can_be_read_by_lanes() const { return true; }
    const char* ahead(int64_t output) const { return reinterpret_cast<const char*>(values + output * inputs) + std::max(far, 4 * together * inputs); }
    static constexpr int64_t bits = 32;
};

// ---- plain code ----

template <typename Matrix>
void unpack_plain(const Matrix& matrix, const int64_t* outputs, float* out) {
    for (int64_t o = 0; o < together; o++)
        for (int64_t k = 0; k < matrix.inputs; k++) out[o * matrix.inputs + k] = matrix.one(outputs[o], k);
}

float dot_plain(const float* x, const float* w, int64_t count) {
    float sums[lanes] = {};
    int64_t k = 0;
    for (; k + lanes <= count; k += lanes)
        for (int64_t l = 0; l < lanes; l++) sums[l] += x[k + l] * w[k + l];
    for (int64_t half = lanes / 2; half > 0; half /= 2)
        for (int64_t l = 0; l < half; l++) sums[l] += sums[l + half];
    float sum = sums[0];
    for (; k < count; k++) sum += x[k] * w[k];
    return sum;
}

// ---- AVX2 and AVX-512 ----

#if defined(PACKED_AVX2)

PACKED_AVX2 PACKED_INLINE float sum_of(__m256 low, __m256 high) {
    const __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

// Four outputs' weights, eight or sixteen neighbours of one at a time.
template <typename Matrix>
struct Reader;

template <>
struct Reader<Int8> {
    const int8_t* row[together];
    PACKED_AVX2 Reader(const Int8& matrix, const int64_t* outputs) {
        for (int64_t o = 0; o < together; o++) row[o] = matrix.codes + outputs[o] * matrix.inputs;
    }
    PACKED_AVX2 PACKED_INLINE __m256 eight(int o, int64_t k) const {
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(row[o] + k))));
    }
    PACKED_AVX512 PACKED_INLINE __m512 sixteen(int o, int64_t k) const {
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row[o] + k))));
    }
};

template <>
struct Reader<Nf4> {
    const uint8_t* codes;
    const float *scales, *values;
    int64_t first[together];
    PACKED_AVX2 Reader(const Nf4& matrix, const int64_t* outputs) : codes(matrix.codes), scales(matrix.scales), values(matrix.values) {
        for (int64_t o = 0; o < together; o++) first[o] = outputs[o] * matrix.inputs;
    }
    PACKED_AVX2 PACKED_INLINE __m256 eight(int o, int64_t k) const {
        const int64_t at = first[o] + k;
        int32_t four_bytes;
        std::memcpy(&four_bytes, codes + at / 2, sizeof four_bytes);
        const __m256i wide = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four_bytes));
        // Of each 64 bits the lower half becomes the byte's first code, the upper its second; what stands above a code's four bits is not looked at.
        const __m256i index = _mm256_or_si256(_mm256_srli_epi64(wide, 4), _mm256_slli_epi64(wide, 32));
        const __m256 lower = _mm256_permutevar8x32_ps(_mm256_loadu_ps(values), index), upper = _mm256_permutevar8x32_ps(_mm256_loadu_ps(values + 8), index);
        const __m256 units = _mm256_blendv_ps(lower, upper, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
        return _mm256_mul_ps(units, _mm256_broadcast_ss(scales + at / block));
    }
    PACKED_AVX512 PACKED_INLINE __m512 sixteen(int o, int64_t k) const {
        const int64_t at = first[o] + k;
        const __m512i wide = _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + at / 2)));
        const __m512i index = _mm512_or_si512(_mm512_srli_epi64(wide, 4), _mm512_slli_epi64(wide, 32));  // as above
        return _mm512_mul_ps(_mm512_permutexvar_ps(index, _mm512_loadu_ps(values)), _mm512_set1_ps(scales[at / block]));
    }
};

struct Unpacked : Float32 {  // [together, inputs]
    const char* ahead(int64_t) const { return reinterpret_cast<const char*>(values); }  // all of it was just written
    static constexpr int64_t bits = 0;
};

template <>
struct Reader<Float32> {
    const float* row[together];
    PACKED_AVX2 Reader(const Float32& matrix, const int64_t* outputs) {
        for (int64_t o = 0; o < together; o++) row[o] = matrix.values + outputs[o] * matrix.inputs;
    }
    PACKED_AVX2 PACKED_INLINE __m256 eight(int o, int64_t k) const { return _mm256_loadu_ps(row[o] + k); }
    PACKED_AVX512 PACKED_INLINE __m512 sixteen(int o, int64_t k) const { return _mm512_loadu_ps(row[o] + k); }
};

template <>
struct Reader<Unpacked> : Reader<Float32> { using Reader<Float32>::Reader; };

template <typename Matrix>
PACKED_AVX2 void unpack_avx2(const Matrix& matrix, const int64_t* outputs, float* out) {
    const Reader<Matrix> read(matrix, outputs);
    const char* ahead = matrix.ahead(outputs[0]);
    for (int o = 0; o < together; o++) {
        float* to = out + o * matrix.inputs;
        int64_t k = 0;
        for (; k + 8 <= matrix.inputs; k += 8) {
            _mm_prefetch(ahead + (o * matrix.inputs + k) * Matrix::bits / 8, _MM_HINT_T0);
            _mm256_storeu_ps(to + k, read.eight(o, k));
        }
        for (; k < matrix.inputs; k++) to[k] = matrix.one(outputs[o], k);
    }
}

// One row with four outputs.
template <typename Matrix>
PACKED_AVX2 void dots_avx2(const float* x, const Matrix& matrix, const int64_t* outputs, float* sums) {
    const Reader<Matrix> read(matrix, outputs);
    const char* ahead = matrix.ahead(outputs[0]);
    __m256 a0 = _mm256_setzero_ps(), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    int64_t k = 0;
    for (; k + lanes <= matrix.inputs; k += lanes) {
        _mm_prefetch(ahead + k * Matrix::bits / 2, _MM_HINT_T0);
        const __m256 low = _mm256_loadu_ps(x + k), high = _mm256_loadu_ps(x + k + 8);
        a0 = _mm256_fmadd_ps(low, read.eight(0, k), a0);
        b0 = _mm256_fmadd_ps(high, read.eight(0, k + 8), b0);
        a1 = _mm256_fmadd_ps(low, read.eight(1, k), a1);
        b1 = _mm256_fmadd_ps(high, read.eight(1, k + 8), b1);
        a2 = _mm256_fmadd_ps(low, read.eight(2, k), a2);
        b2 = _mm256_fmadd_ps(high, read.eight(2, k + 8), b2);
        a3 = _mm256_fmadd_ps(low, read.eight(3, k), a3);
        b3 = _mm256_fmadd_ps(high, read.eight(3, k + 8), b3);
    }
    sums[0] = sum_of(a0, b0);
    sums[1] = sum_of(a1, b1);
    sums[2] = sum_of(a2, b2);
    sums[3] = sum_of(a3, b3);
    for (; k < matrix.inputs; k++)
        for (int o = 0; o < together; o++) sums[o] = __builtin_fmaf(x[k], matrix.one(outputs[o], k), sums[o]);
}

struct FourSums { __m512 a, b, c, d; };

PACKED_AVX512 PACKED_INLINE void add(FourSums& sums, __m512 x, __m512 w0, __m512 w1, __m512 w2, __m512 w3) {
    sums.a = _mm512_fmadd_ps(x, w0, sums.a);
    sums.b = _mm512_fmadd_ps(x, w1, sums.b);
    sums.c = _mm512_fmadd_ps(x, w2, sums.c);
    sums.d = _mm512_fmadd_ps(x, w3, sums.d);
}

PACKED_AVX512 PACKED_INLINE float sum_of(__m512 all) {
    return sum_of(_mm512_castps512_ps256(all), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(all), 1)));
}

PACKED_AVX512 PACKED_INLINE void finish(const FourSums& of, float* sums) {
    sums[0] = sum_of(of.a);
    sums[1] = sum_of(of.b);
    sums[2] = sum_of(of.c);
    sums[3] = sum_of(of.d);
}

template <typename Matrix>
PACKED_AVX512 void unpack_avx512(const Matrix& matrix, const int64_t* outputs, float* out) {
    const Reader<Matrix> read(matrix, outputs);
    const char* ahead = matrix.ahead(outputs[0]);
    for (int o = 0; o < together; o++) {
        float* to = out + o * matrix.inputs;
        int64_t k = 0;
        for (; k + lanes <= matrix.inputs; k += lanes) {
            _mm_prefetch(ahead + (o * matrix.inputs + k) * Matrix::bits / 8, _MM_HINT_T0);
            _mm512_storeu_ps(to + k, read.sixteen(o, k));
        }
        for (; k < matrix.inputs; k++) to[k] = matrix.one(outputs[o], k);
    }
}

// One row with four outputs.
template <typename Matrix>
PACKED_AVX512 void dots_avx512(const float* x, const Matrix& matrix, const int64_t* outputs, float* sums) {
    const Reader<Matrix> read(matrix, outputs);
    const char* ahead = matrix.ahead(outputs[0]);
    const __m512 zero = _mm512_setzero_ps();
    FourSums all{zero, zero, zero, zero};
    int64_t k = 0;
    for (; k + lanes <= matrix.inputs; k += lanes) {
        _mm_prefetch(ahead + k * Matrix::bits / 2, _MM_HINT_T0);
        add(all, _mm512_loadu_ps(x + k), read.sixteen(0, k), read.sixteen(1, k), read.sixteen(2, k), read.sixteen(3, k));
    }
    finish(all, sums);
    for (; k < matrix.inputs; k++)
        for (int o = 0; o < together; o++) sums[o] = __builtin_fmaf(x[k], matrix.one(outputs[o], k), sums[o]);
}

// Four rows with four outputs.
template <typename Matrix>
PACKED_AVX512 void dots_of_four_avx512(const float* const* x, const Matrix& matrix, const int64_t* outputs, float* sums) {
    const Reader<Matrix> read(matrix, outputs);
    const char* ahead = matrix.ahead(outputs[0]);
    const __m512 zero = _mm512_setzero_ps();
    FourSums s0{zero, zero, zero, zero}, s1 = s0, s2 = s0, s3 = s0;
    int64_t k = 0;
    for (; k + lanes <= matrix.inputs; k += lanes) {
        _mm_prefetch(ahead + k * Matrix::bits / 2, _MM_HINT_T0);
        const __m512 w0 = read.sixteen(0, k), w1 = read.sixteen(1, k), w2 = read.sixteen(2, k), w3 = read.sixteen(3, k);
        add(s0, _mm512_loadu_ps(x[0] + k), w0, w1, w2, w3);
        add(s1, _mm512_loadu_ps(x[1] + k), w0, w1, w2, w3);
        add(s2, _mm512_loadu_ps(x[2] + k), w0, w1, w2, w3);
        add(s3, _mm512_loadu_ps(x[3] + k), w0, w1, w2, w3);
    }
    finish(s0, sums);
    finish(s1, sums + 4);
    finish(s2, sums + 8);
    finish(s3, sums + 12);
    for (; k < matrix.inputs; k++)
        for (int r = 0; r < together; r++)
            for (int o = 0; o < together; o++) sums[r * together + o] = __builtin_fmaf(x[r][k], matrix.one(outputs[o], k), sums[r * together + o]);
}

const int64_t best_kernel = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? (__builtin_cpu_supports("avx512f") ? kAvx512 : kAvx2) : kPlain;
#else
const int64_t best_kernel = kPlain;
#endif

// ---- operators ----

// Four rows, or fewer, with four outputs whose weights are unpacked.
void dots_of_unpacked(int64_t kernel, const float* const* x, int64_t rows, const float* w, int64_t inputs, float* sums) {
#if defined(PACKED_AVX2)
    constexpr int64_t in_order[together] = {0, 1, 2, 3};
    if (kernel == kAvx512 && rows > 1) return dots_of_four_avx512(x, Unpacked{{w, inputs}}, in_order, sums);
    if (kernel != kPlain) {
        for (int64_t r = 0; r < rows; r++) dots_avx2(x[r], Unpacked{{w, inputs}}, in_order, sums + r * together);
        return;
    }
#endif
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < together; o++) sums[r * together + o] = dot_plain(x[r], w + o * inputs, inputs);
}

// x * matrix^T + bias for x [..., inputs], float32.
template <typename Matrix>
at::Tensor multiply(const at::Tensor& given, const Matrix& matrix, int64_t outputs, const OptionalTensor& bias, int64_t kernel) {
    TORCH_CHECK(given.scalar_type() == at::kFloat && given.dim() > 0 && given.size(-1) == matrix.inputs, "x is ", given.sizes(), " of ", given.scalar_type(),
                ", expected float32 with ", matrix.inputs, " values in its last axis");
    const int64_t inputs = matrix.inputs;
    const at::Tensor all = given.contiguous();
    auto sizes = all.sizes().vec();
    sizes.back() = outputs;
    at::Tensor result = at::empty(sizes, all.options());
    const int64_t rows = outputs == 0 ? 0 : result.numel() / outputs;
    const at::Tensor added = bias.has_value() && bias->defined() ? bias->contiguous() : at::Tensor();
    TORCH_CHECK(!added.defined() || (added.scalar_type() == at::kFloat && added.numel() == outputs), "the bias is ", added.sizes(), ", expected float32 with ", outputs, " values");
    const float *x = all.data_ptr<float>(), *constant = added.defined() ? added.data_ptr<float>() : nullptr;
    float* out = result.data_ptr<float>();
    kernel = kernel < 0 ? best_kernel : std::min(kernel, best_kernel);
    const bool by_lanes = kernel != kPlain && matrix.can_be_read_by_lanes();
    const bool straight = by_lanes && rows > 0 && (rows == 1 || (rows <= together && kernel == kAvx512));
    const auto worth_a_thread = std::max<int64_t>(1, (1 << 17) / std::max<int64_t>(1, together * inputs * rows));
    at::parallel_for(0, (outputs + together - 1) / together, worth_a_thread, [&](int64_t begin, int64_t end) {
        std::vector<float> unpacked(straight ? 0 : together * inputs);
        float sums[together * together];
        for (int64_t tile = begin; tile < end; tile++) {
            int64_t of[together];  // behind the last output it is computed again, and left out
            for (int64_t o = 0; o < together; o++) of[o] = std::min(tile * together + o, outputs - 1);
            const int64_t count = std::min(together, outputs - tile * together);
            const auto write = [&](int64_t row, const float* sum) {
                for (int64_t o = 0; o < count; o++) out[row * outputs + of[o]] = matrix.finish(of[o], sum[o]) + (constant ? constant[of[o]] : 0.0f);
            };
            const float* of_rows[together];  // behind the last row it, too
#if defined(PACKED_AVX2)
            if (straight) {
                for (int64_t r = 0; r < together; r++) of_rows[r] = x + std::min(r, rows - 1) * inputs;
                if (rows > 1) dots_of_four_avx512(of_rows, matrix, of, sums);
                else if (kernel == kAvx512) dots_avx512(x, matrix, of, sums);
                else dots_avx2(x, matrix, of, sums);
                for (int64_t r = 0; r < rows; r++) write(r, sums + r * together);
                continue;
            }
            if (by_lanes && kernel == kAvx512) unpack_avx512(matrix, of, unpacked.data());
            else if (by_lanes) unpack_avx2(matrix, of, unpacked.data());
            else
#endif
            unpack_plain(matrix, of, unpacked.data());
            for (int64_t row = 0; row < rows; row += together) {
                for (int64_t r = 0; r < together; r++) of_rows[r] = x + std::min(row + r, rows - 1) * inputs;
                const int64_t real = std::min(together, rows - row);
                dots_of_unpacked(kernel, of_rows, real, unpacked.data(), inputs, sums);
                for (int64_t r = 0; r < real; r++) write(row + r, sums + r * together);
            }
        }
    });
    return result;
}

void check(const at::Tensor& codes, at::ScalarType type, int64_t count, const at::Tensor& scales, int64_t scale_count) {
    TORCH_CHECK(codes.is_contiguous() && codes.scalar_type() == type && codes.numel() >= count, "codes are ", codes.sizes(), " of ", codes.scalar_type(), ", expected ", count, " of ", type);
    TORCH_CHECK(scales.is_contiguous() && scales.scalar_type() == at::kFloat && scales.numel() >= scale_count, "scales are ", scales.sizes(), ", expected ", scale_count, " in float32");
}

// `kernel`: 0 plain code, 1 AVX2, 2 AVX-512, at most what the machine has; -1 for that.
at::Tensor int8_linear(const at::Tensor& x, const at::Tensor& codes, const at::Tensor& scales, const OptionalTensor& bias, int64_t kernel) {
    TORCH_CHECK(codes.dim() == 2, "codes are ", codes.sizes(), ", expected [outputs, inputs]");
    check(codes, at::kChar, codes.numel(), scales, codes.size(0));
    return multiply(x, Int8{codes.data_ptr<int8_t>(), scales.data_ptr<float>(), codes.size(1)}, codes.size(0), bias, kernel);
}

// `pairs` [256, 2] holds the values of a byte's two codes.
at::Tensor nf4_linear(const at::Tensor& x, const at::Tensor& codes, const at::Tensor& scales, const at::Tensor& pairs, int64_t outputs, int64_t inputs,
                      const OptionalTensor& bias, int64_t kernel) {
    const int64_t count = outputs * inputs;
    check(codes, at::kByte, (count + 1) / 2, scales, (count + block - 1) / block);
    TORCH_CHECK(pairs.is_contiguous() && pairs.scalar_type() == at::kFloat && pairs.numel() == 512, "pairs are ", pairs.sizes(), ", expected [256, 2] in float32");
    Nf4 matrix{codes.data_ptr<uint8_t>(), scales.data_ptr<float>(), inputs, {}};
    for (int64_t code = 0; code < 16; code++) matrix.values[code] = pairs.data_ptr<float>()[2 * code + 1];
    return multiply(x, matrix, outputs, bias, kernel);
}

}  // namespace packed
}  // namespace

TORCH_LIBRARY(attune, library) {
    library.def("int8_linear(Tensor x, Tensor codes, Tensor scales, Tensor? bias=None, int kernel=-1) -> Tensor");
    library.def("nf4_linear(Tensor x, Tensor codes, Tensor scales, Tensor pairs, int outputs, int inputs, Tensor? bias=None, int kernel=-1) -> Tensor");
}

TORCH_LIBRARY_IMPL(attune, CPU, library) {
    library.impl("int8_linear", TORCH_FN(packed::int8_linear));
    library.impl("nf4_linear", TORCH_FN(packed::nf4_linear));
}
