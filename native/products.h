// What the bridge computes itself on a processor: matrix products and GELU, in place of kernels of libtorch 1.13 built without MKL (Debian's).
// The numbers are the same gemm's; who computes which part of them is not. Part of torch_bridge.cpp, and nothing of it is called from outside:
// the dispatcher finds it.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/addmm_cpu_dispatch.h>
#include <ATen/ops/baddbmm_cpu_dispatch.h>
#include <ATen/ops/bmm_cpu_dispatch.h>
#include <ATen/ops/gelu_cpu_dispatch.h>
#include <ATen/ops/mm_cpu_dispatch.h>
#include <omp.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>

// BLAS, as libtorch brings it along.
extern "C" {
__attribute__((weak)) void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*, const float*,
                                  const int*, const float*, float*, const int*);
__attribute__((weak)) void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*, const int*, const double*,
                                  const int*, const double*, double*, const int*);
__attribute__((weak)) void sgemv_(const char*, const int*, const int*, const float*, const float*, const int*, const float*, const int*, const float*, float*,
                                  const int*);
__attribute__((weak)) void dgemv_(const char*, const int*, const int*, const double*, const double*, const int*, const double*, const int*, const double*,
                                  double*, const int*);
__attribute__((weak)) int openblas_get_parallel();  // 0 = one thread, 1 = threads of its own, 2 = OpenMP
}

// Without MKL, libtorch leaves products to OpenBLAS, whose threads work on one matrix together: those of attention are so small
// that most of the time is threads meeting, and at large ones each waits for what the other packs. Here each thread takes whole matrices of a
// batch, or a part of one large matrix, and calls the same gemm by itself. Not where BLAS has threads of its own beside OpenMP's: each of ours
// would start all of those.
namespace {

const bool has_blas = !at::hasMKL() && sgemm_ && dgemm_ && sgemv_ && dgemv_;
const bool shares_products = has_blas && !(openblas_get_parallel && openblas_get_parallel() == 1);
constexpr int64_t largest = std::numeric_limits<int>::max();  // BLAS counts in int

// How a matrix lies in memory (its last two axes): row after row, or column after column (a transposed view); rows that share memory do neither.
bool by_rows(const at::Tensor& x) { return x.stride(-1) == 1 && (x.stride(-2) >= x.size(-1) || x.size(-2) == 1); }
bool by_columns(const at::Tensor& x) { return x.stride(-2) == 1 && (x.stride(-1) >= x.size(-2) || x.size(-1) == 1); }
at::Tensor readable(const at::Tensor& x) { return by_rows(x) || by_columns(x) ? x : x.contiguous(); }

// A matrix as BLAS reads it, which counts by columns: as its transpose.
template <typename Number>
struct Operand {
    explicit Operand(const at::Tensor& x) : how(by_rows(x) ? 'N' : 'T'), first(x.data_ptr<Number>()), row(x.stride(-2)), column(x.stride(-1)),
        apart(static_cast<int>(how == 'N' ? std::max(x.stride(-2), x.size(-1)) : std::max(x.stride(-1), x.size(-2)))) {}
    char how;
    const Number* first;
    int64_t row, column;
    int apart;
};

void gemm(const Operand<float>& a, const Operand<float>& b, int rows, int inner, int columns, float alpha, float beta, float* out, int apart) {
    sgemm_(&b.how, &a.how, &columns, &rows, &inner, &alpha, b.first, &b.apart, a.first, &a.apart, &beta, out, &apart);
}

void gemm(const Operand<double>& a, const Operand<double>& b, int rows, int inner, int columns, double alpha, double beta, double* out, int apart) {
    dgemm_(&b.how, &a.how, &columns, &rows, &inner, &alpha, b.first, &b.apart, a.first, &a.apart, &beta, out, &apart);
}

// One row times a matrix.
template <typename Number, typename Gemv>
void gemv(Gemv call, const Operand<Number>& a, const Operand<Number>& b, int inner, int columns, Number alpha, Number beta, Number* out) {
    const int apart = inner > 1 ? static_cast<int>(a.column) : 1, next = 1;
    const bool as_it_lies = b.how == 'N';
    call(as_it_lies ? "N" : "T", as_it_lies ? &columns : &inner, as_it_lies ? &inner : &columns, &alpha, b.first, &b.apart, a.first, &apart, &beta, out, &next);
}

void gemv(const Operand<float>& a, const Operand<float>& b, int inner, int columns, float alpha, float beta, float* out) {
    gemv(sgemv_, a, b, inner, columns, alpha, beta, out);
}

void gemv(const Operand<double>& a, const Operand<double>& b, int inner, int columns, double alpha, double beta, double* out) {
    gemv(dgemv_, a, b, inner, columns, alpha, beta, out);
}

// out[i] = alpha * a[i] * b[i] + beta * out[i] for a batch [N,.,.]; out is contiguous.
template <typename Number>
void multiply_batch(at::Tensor& out, const at::Tensor& a, const at::Tensor& b, Number alpha, Number beta) {
    const int rows = static_cast<int>(a.size(1)), inner = static_cast<int>(a.size(2)), columns = static_cast<int>(b.size(2));
    const Operand<Number> all_a(a), all_b(b);
    Number* first = out.data_ptr<Number>();
    const double operations = 2.0 * rows * inner * columns;
    const auto worth_a_thread = static_cast<int64_t>(1e6 / operations) + 1;  // a million takes about as long as waking a thread
    at::parallel_for(0, a.size(0), worth_a_thread, [&](int64_t begin, int64_t end) {
        // A row times a matrix needs no packing. Outside a parallel region OpenBLAS would wake every thread for it, from this size on.
        const bool is_vector = rows == 1 && (int64_t{inner} * columns < 9216 || at::in_parallel_region());
        Operand<Number> left = all_a, right = all_b;
        for (int64_t i = begin; i < end; i++) {
            left.first = all_a.first + i * a.stride(0);
            right.first = all_b.first + i * b.stride(0);
            if (is_vector) gemv(left, right, inner, columns, alpha, beta, first + i * out.stride(0));
            else gemm(left, right, rows, inner, columns, alpha, beta, first + i * out.stride(0), columns);
        }
    });
}

// out = alpha * a * b + beta * out; each thread has a part of the rows, or of the columns where they are more. out is contiguous.
template <typename Number>
void multiply_parts(at::Tensor& out, const at::Tensor& a, const at::Tensor& b, Number alpha, Number beta) {
    const int rows = static_cast<int>(a.size(0)), inner = static_cast<int>(a.size(1)), columns = static_cast<int>(b.size(1));
    const bool cuts_rows = rows >= columns;
    constexpr int64_t tile = 16;  // of gemm's kernel, or a multiple
    const int64_t all = cuts_rows ? rows : columns, parts = at::get_num_threads(), part = (all + parts * tile - 1) / (parts * tile) * tile;
    const Operand<Number> all_a(a), all_b(b);
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
        for (int64_t first = begin * part; first < std::min(end * part, all); first += part) {
            const int count = static_cast<int>(std::min(part, all - first));
            Operand<Number> left = all_a, right = all_b;
            if (cuts_rows) left.first += first * left.row;
            else right.first += first * right.column;
            gemm(left, right, cuts_rows ? count : rows, inner, cuts_rows ? columns : count, alpha, beta,
                 out.data_ptr<Number>() + (cuts_rows ? first * columns : first), columns);
        }
    });
}

bool fits(const at::Tensor& a, const at::Tensor& b, int64_t rank) {
    return a.dim() == rank && b.dim() == rank && a.scalar_type() == b.scalar_type() && (a.scalar_type() == at::kFloat || a.scalar_type() == at::kDouble) &&
        a.size(-1) == b.size(-2) && a.numel() > 0 && b.numel() > 0 && a.numel() <= largest && b.numel() <= largest;
}

bool is_batch(const at::Tensor& a, const at::Tensor& b) { return fits(a, b, 3) && a.size(0) == b.size(0) && a.size(0) >= at::get_num_threads(); }

// One row times the transpose of a weight, as decoding does it: bound by reading the weight once, which a matrix-vector product does and a
// matrix product, which packs it first, does not.
bool is_row(const at::Tensor& a, const at::Tensor& b) { return fits(a, b, 2) && a.size(0) == 1 && b.stride(0) == 1 && b.stride(1) == b.size(0); }

// A few rows, as a batch decodes: reading the weight is still much of the time, and is done once, unpacked.
bool is_few(const at::Tensor& a, const at::Tensor& b) {
    constexpr int64_t worth_it = 1 << 16;
    const int64_t most = packed::best_kernel == packed::kAvx512 ? 64 : 8;  // AVX2 has registers for one row at a time
    return packed::best_kernel != packed::kPlain && fits(a, b, 2) && a.scalar_type() == at::kFloat && a.size(0) > 1 && a.size(0) <= most && b.numel() >= worth_it &&
        b.stride(0) == 1 && b.stride(1) == b.size(0);
}

at::Tensor multiply_few(const at::Tensor& a, const at::Tensor& b, const OptionalTensor& bias) {
    return packed::multiply(a, packed::Float32{b.data_ptr<float>(), b.size(0)}, b.size(1), bias, -1);
}

// Large enough that it is worth packing the smaller matrix once a thread.
bool is_large(const at::Tensor& a, const at::Tensor& b) {
    constexpr int64_t side = 128;
    return shares_products && fits(a, b, 2) && std::min(a.size(0), b.size(1)) >= side && std::max(a.size(0), b.size(1)) >= side * at::get_num_threads() &&
        a.size(0) * b.size(1) <= largest && at::get_num_threads() > 1;
}

template <typename Multiply>
at::Tensor of_either_kind(at::Tensor out, const at::Tensor& a, const at::Tensor& b, Multiply multiply) {
    const at::Tensor left = readable(a), right = readable(b);
    if (a.scalar_type() == at::kFloat) multiply(out, left, right, float());
    else multiply(out, left, right, double());
    return out;
}

at::Tensor bmm(const at::Tensor& a, const at::Tensor& b) {
    if (!is_batch(a, b)) return at::cpu::bmm(a, b);
    return of_either_kind(at::empty({a.size(0), a.size(1), b.size(2)}, a.options()), a, b, [](at::Tensor& out, const at::Tensor& left, const at::Tensor& right, auto zero) {
        multiply_batch<decltype(zero)>(out, left, right, 1, 0);
    });
}

at::Tensor baddbmm(const at::Tensor& added, const at::Tensor& a, const at::Tensor& b, const at::Scalar& beta, const at::Scalar& alpha) {
    if (!is_batch(a, b) || added.scalar_type() != a.scalar_type()) return at::cpu::baddbmm(added, a, b, beta, alpha);
    at::Tensor sum = added.expand({a.size(0), a.size(1), b.size(2)}).clone(at::MemoryFormat::Contiguous);
    return of_either_kind(sum, a, b, [&](at::Tensor& out, const at::Tensor& left, const at::Tensor& right, auto zero) {
        multiply_batch<decltype(zero)>(out, left, right, alpha.to<decltype(zero)>(), beta.to<decltype(zero)>());
    });
}

// out = alpha * a * b + beta * out for a row or large matrices.
at::Tensor multiply_two(at::Tensor out, const at::Tensor& a, const at::Tensor& b, const at::Scalar& alpha, const at::Scalar& beta) {
    return of_either_kind(out, a, b, [&](at::Tensor& sum, const at::Tensor& left, const at::Tensor& right, auto zero) {
        using Number = decltype(zero);
        if (a.size(0) > 1) multiply_parts<Number>(sum, left, right, alpha.to<Number>(), beta.to<Number>());
        else gemv(Operand<Number>(left), Operand<Number>(right), static_cast<int>(b.size(0)), static_cast<int>(b.size(1)), alpha.to<Number>(), beta.to<Number>(), sum.data_ptr<Number>());
    });
}

at::Tensor mm(const at::Tensor& a, const at::Tensor& b) {
    if (is_few(a, b)) return multiply_few(a, b, OptionalTensor());
    if (!is_row(a, b) && !is_large(a, b)) return at::cpu::mm(a, b);
    return multiply_two(at::empty({a.size(0), b.size(1)}, a.options()), a, b, 1, 0);
}

at::Tensor addmm(const at::Tensor& added, const at::Tensor& a, const at::Tensor& b, const at::Scalar& beta, const at::Scalar& alpha) {
    const bool is_bias = added.dim() == 1 && added.scalar_type() == a.scalar_type() && b.dim() == 2 && added.size(0) == b.size(1);
    if (is_bias && is_few(a, b) && beta.toDouble() == 1 && alpha.toDouble() == 1) return multiply_few(a, b, added);
    if (!is_bias || (!is_row(a, b) && !is_large(a, b))) return at::cpu::addmm(added, a, b, beta, alpha);
    return multiply_two(added.expand({a.size(0), b.size(1)}).clone(at::MemoryFormat::Contiguous), a, b, alpha, beta);
}

// oneDNN shares out even a thousand elements, and waiting for another thread takes longer than so few do.
at::Tensor gelu(const at::Tensor& x, c10::string_view approximate) {
    constexpr int64_t worth_a_thread = 8192;
    const int threads = omp_get_max_threads();
    if (threads == 1 || x.numel() > worth_a_thread) return at::cpu::gelu(x, approximate);
    struct OneThread {  // for the calling thread alone
        explicit OneThread(int before) : before(before) { omp_set_num_threads(1); }
        ~OneThread() { omp_set_num_threads(before); }
        const int before;
    } one(threads);
    return at::cpu::gelu(x, approximate);
}

// libtorch warns of every kernel that takes another's place; this one means to.
struct Silent : c10::WarningHandler {
    void process(const c10::SourceLocation&, const std::string&, const bool) override {}
};

const std::unique_ptr<torch::Library> kernels = [] {
    if (!has_blas) return std::unique_ptr<torch::Library>();
    Silent silent;
    c10::Warning::WarningHandlerGuard guard(&silent);
    auto library = std::make_unique<torch::Library>(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__, __LINE__);
    library->impl("mm", TORCH_FN(mm));
    library->impl("addmm", TORCH_FN(addmm));
    library->impl("gelu", TORCH_FN(gelu));
    if (!shares_products) return library;
    library->impl("bmm", TORCH_FN(bmm));
    library->impl("baddbmm", TORCH_FN(baddbmm));
    return library;
}();

}  // namespace
