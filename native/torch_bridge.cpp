// The only native code of Attune: a flat C interface over libtorch's operator dispatcher.
//
// Any ATen operator is called by name: its schema is looked up once, arguments arrive as tagged values, missing trailing
// arguments take the schema's defaults, results leave as tagged values. Autograd, CUDA and fused kernels all come through
// that one door, and the same source compiles against libtorch 1.13 and 2.x.
//
// Rules. Every function catches everything: an exception that crosses the boundary would abort the process. The result of a
// function is its status (0 = done, 1 = failed, see attune_last_error); what it computed leaves through pointers, so that
// "failed" and "returned nothing" cannot be confused. A `Tensor` pointer that leaves is owned by the caller.

#include <torch/version.h>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/InferenceMode.h>
#if TORCH_VERSION_MAJOR == 1 && defined(_OPENMP)
#include <ATen/ops/addmm_cpu_dispatch.h>
#include <ATen/ops/baddbmm_cpu_dispatch.h>
#include <ATen/ops/bmm_cpu_dispatch.h>
#include <ATen/ops/gelu_cpu_dispatch.h>
#include <ATen/ops/mm_cpu_dispatch.h>
#include <omp.h>
#include <torch/library.h>
#endif
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#if defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using c10::IValue;

#if defined(__GLIBC__)
// A step's activations are freed together and asked for again by the next step. By default glibc hands such blocks back to the system each
// time, and each page of them costs a fault to get again: a twentieth of a training step. Here they stay, up to a gigabyte of slack.
const bool keeps_memory = [] {
    mallopt(M_ARENA_MAX, 1);               // one pool for all threads, or each would keep its own
    mallopt(M_MMAP_THRESHOLD, 32 << 20);   // the most that glibc takes
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 64 << 20);          // the heap grows by so much more than is asked for
    return true;
}();

// Weights that are read once a token are read some percent faster from large pages, which Linux gives to those who ask: for the heap, whenever
// it has grown, before most of what is new is touched.
std::atomic<uintptr_t> asked{reinterpret_cast<uintptr_t>(sbrk(0))};  // up to this address

void ask_for_large_pages() {
    constexpr uintptr_t page = 2 << 20;
    const auto end = reinterpret_cast<uintptr_t>(sbrk(0));
    if (asked.load(std::memory_order_relaxed) == end) return;
    const uintptr_t begin = (asked.exchange(end) + page - 1) / page * page;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}
#else
void ask_for_large_pages() {}
#endif

// c10::optional until 2.x replaced it by std::optional: ask for whatever c10::List's elements convert from.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
using OptionalTensor = std::optional<at::Tensor>;
#else
using OptionalTensor = c10::optional<at::Tensor>;
#endif

enum Tag : int32_t {
    kNone = 0, kTensor = 1, kInt = 2, kDouble = 3, kBool = 4, kIntList = 5, kTensorList = 6, kDoubleList = 7, kString = 9, kDevice = 10
};

struct Value {
    int32_t tag;
    int32_t count;  // elements of a list, bytes of a string, index of a device
    union { int64_t i; double d; void* p; };
};
static_assert(sizeof(Value) == 16, "Value crosses the boundary as 16 bytes");

enum class Wants { AsGiven, Float, FloatList, OptionalTensorList };

struct Operator {
    c10::OperatorHandle handle;
    std::vector<Wants> wants;
    std::vector<IValue> defaults;
    std::vector<bool> has_default;
};

thread_local std::string last_error;

template <typename F>
int32_t guarded(F&& body) {
    try {
        body();
        return 0;
    } catch (const c10::Error& e) {
        last_error = e.what_without_backtrace();
    } catch (const std::exception& e) {
        last_error = e.what();
    } catch (...) {
        last_error = "unknown native error";
    }
    return 1;
}

at::Tensor& tensor(void* p) { return *static_cast<at::Tensor*>(p); }

void* give(at::Tensor t) { return new at::Tensor(std::move(t)); }

Wants wants(const c10::Argument& argument) {
    c10::TypePtr type = argument.type();
    if (auto optional = type->cast<c10::OptionalType>()) type = optional->getElementType();
    if (type->kind() == c10::TypeKind::FloatType) return Wants::Float;
    if (auto list = type->cast<c10::ListType>()) {
        if (list->getElementType()->kind() == c10::TypeKind::OptionalType) return Wants::OptionalTensorList;
        if (list->getElementType()->kind() == c10::TypeKind::FloatType) return Wants::FloatList;
    }
    return Wants::AsGiven;
}

IValue tensor_list(const Value& v, Wants want) {
    auto** items = static_cast<at::Tensor**>(v.p);
    if (want == Wants::OptionalTensorList) {
        c10::List<OptionalTensor> list;
        list.reserve(v.count);
        for (int32_t k = 0; k < v.count; k++) list.push_back(items[k] ? OptionalTensor(*items[k]) : OptionalTensor());
        return IValue(std::move(list));
    }
    c10::List<at::Tensor> list;
    list.reserve(v.count);
    for (int32_t k = 0; k < v.count; k++) list.push_back(*items[k]);
    return IValue(std::move(list));
}

IValue to_ivalue(const Value& v, Wants want) {
    switch (v.tag) {
        case kNone: return IValue();
        case kTensor: return IValue(*static_cast<at::Tensor*>(v.p));
        case kInt: return want == Wants::Float ? IValue(static_cast<double>(v.i)) : IValue(v.i);
        case kDouble: return IValue(v.d);
        case kBool: return IValue(v.i != 0);
        case kIntList: return IValue(c10::List<int64_t>(c10::IntArrayRef(static_cast<int64_t*>(v.p), v.count)));
        case kDoubleList: return IValue(c10::List<double>(c10::ArrayRef<double>(static_cast<double*>(v.p), v.count)));
        case kTensorList: return tensor_list(v, want);
        case kString: return IValue(std::string(static_cast<const char*>(v.p), v.count));
        case kDevice: return IValue(c10::Device(static_cast<c10::DeviceType>(v.i), static_cast<c10::DeviceIndex>(v.count)));
        default: TORCH_CHECK(false, "unknown argument tag ", v.tag);
    }
}

void put(const at::Tensor& t, Value* results, int32_t capacity, int32_t& count) {
    if (count >= capacity) { count++; return; }
    Value& out = results[count++];
    out.tag = t.defined() ? kTensor : kNone;
    out.count = 0;
    out.p = t.defined() ? give(t) : nullptr;
}

void put(const IValue& v, Value* results, int32_t capacity, int32_t& count) {
    if (v.isTensor()) return put(v.toTensor(), results, capacity, count);
    if (v.isTensorList()) {
        for (const at::Tensor& t : v.toTensorList()) put(t, results, capacity, count);
        return;
    }
    if (count >= capacity) { count++; return; }
    Value& out = results[count++];
    out.count = 0;
    if (v.isInt()) { out.tag = kInt; out.i = v.toInt(); }
    else if (v.isDouble()) { out.tag = kDouble; out.d = v.toDouble(); }
    else if (v.isBool()) { out.tag = kBool; out.i = v.toBool(); }
    else { out.tag = kNone; out.i = 0; }
}

torch::autograd::variable_list list_of(void** items, int32_t count) {
    torch::autograd::variable_list list;
    list.reserve(count);
    for (int32_t k = 0; k < count; k++) list.push_back(items && items[k] ? tensor(items[k]) : at::Tensor());
    return list;
}

}  // namespace

// ---- matrix products ----

#if TORCH_VERSION_MAJOR == 1 && defined(_OPENMP)

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

// Built without MKL, libtorch 1.13 leaves products to OpenBLAS, whose threads work on one matrix together: those of attention are so small
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
    if (!is_row(a, b) && !is_large(a, b)) return at::cpu::mm(a, b);
    return multiply_two(at::empty({a.size(0), b.size(1)}, a.options()), a, b, 1, 0);
}

at::Tensor addmm(const at::Tensor& added, const at::Tensor& a, const at::Tensor& b, const at::Scalar& beta, const at::Scalar& alpha) {
    const bool is_bias = added.dim() == 1 && added.scalar_type() == a.scalar_type() && b.dim() == 2 && added.size(0) == b.size(1);
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

EXPORT int32_t attune_shares_products() { return shares_products ? 1 : 0; }

#else

EXPORT int32_t attune_shares_products() { return 0; }

#endif

EXPORT const char* attune_last_error() { return last_error.c_str(); }
EXPORT const char* attune_version() { return TORCH_VERSION; }

// ---- operators ----

EXPORT int32_t attune_operator_find(const char* name, const char* overload, void** result) {
    return guarded([&] {
        auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
        auto op = std::make_unique<Operator>(Operator{handle, {}, {}, {}});
        for (const c10::Argument& argument : handle.schema().arguments()) {
            op->wants.push_back(wants(argument));
            op->has_default.push_back(argument.default_value().has_value());
            op->defaults.push_back(argument.default_value().has_value() ? *argument.default_value() : IValue());
        }
        *result = op.release();
    });
}

EXPORT int32_t attune_operator_exists(const char* name, const char* overload) {
    try {
        return c10::Dispatcher::singleton().findSchema({name, overload}).has_value() ? 1 : 0;
    } catch (...) {
        return 0;
    }
}

// Results beyond `capacity` are dropped, but counted: in-place operators return their first argument, which nobody needs.
EXPORT int32_t attune_operator_call(void* op, const Value* arguments, int32_t argument_count, Value* results, int32_t capacity, int32_t* result_count) {
    *result_count = 0;
    static thread_local std::vector<IValue> stack;
    stack.clear();
    const int32_t status = guarded([&] {
        auto& callee = *static_cast<Operator*>(op);
        const size_t wanted = callee.wants.size();
        TORCH_CHECK(static_cast<size_t>(argument_count) <= wanted, "takes ", wanted, " arguments, got ", argument_count);
        for (int32_t k = 0; k < argument_count; k++) stack.push_back(to_ivalue(arguments[k], callee.wants[k]));
        for (size_t k = argument_count; k < wanted; k++) {
            TORCH_CHECK(callee.has_default[k], "argument ", k + 1, " (", callee.handle.schema().arguments()[k].name(), ") has no default and is missing");
            stack.push_back(callee.defaults[k]);
        }
        callee.handle.callBoxed(&stack);
        ask_for_large_pages();
        for (const IValue& v : stack) put(v, results, capacity, *result_count);
    });
    stack.clear();
    return status;
}

// ---- tensors ----

EXPORT void attune_tensor_free(void* t) {
    try { delete static_cast<at::Tensor*>(t); } catch (...) { last_error = "freeing a tensor failed"; }
}

struct TensorInfo { int32_t rank; int32_t dtype; int32_t device_type; int32_t device_index; int64_t count; };

EXPORT int32_t attune_tensor_info(void* t, TensorInfo* info, int64_t* sizes, int32_t capacity) {
    return guarded([&] {
        const at::Tensor& x = tensor(t);
        info->rank = static_cast<int32_t>(x.dim());
        info->dtype = static_cast<int32_t>(x.scalar_type());
        info->device_type = static_cast<int32_t>(x.device().type());
        info->device_index = x.device().index();
        info->count = x.numel();
        for (int32_t k = 0; k < info->rank && k < capacity; k++) sizes[k] = x.size(k);
    });
}

// Uninitialised memory would make results depend on chance: data arrives together with the tensor. Null data = zeros.
EXPORT int32_t attune_tensor_from(const void* data, const int64_t* sizes, int32_t rank, int32_t dtype, void** result) {
    return guarded([&] {
        auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
        at::NoGradGuard no_grad;
        if (data == nullptr) { *result = give(at::zeros(at::IntArrayRef(sizes, rank), options)); return; }
        at::Tensor t = at::empty(at::IntArrayRef(sizes, rank), options);
        ask_for_large_pages();
        std::memcpy(t.data_ptr(), data, t.nbytes());
        *result = give(std::move(t));
    });
}

EXPORT int32_t attune_tensor_read(void* t, void* destination, int64_t bytes) {
    return guarded([&] {
        at::Tensor host = tensor(t).detach().to(at::kCPU).contiguous();
        TORCH_CHECK(static_cast<int64_t>(host.nbytes()) == bytes, "holds ", host.nbytes(), " bytes, asked for ", bytes);
        if (bytes > 0) std::memcpy(destination, host.data_ptr(), bytes);
    });
}

EXPORT int32_t attune_tensor_write(void* t, const void* source, int64_t bytes) {
    return guarded([&] {
        at::NoGradGuard no_grad;
        at::Tensor& x = tensor(t);
        TORCH_CHECK(static_cast<int64_t>(x.nbytes()) == bytes, "holds ", x.nbytes(), " bytes, given ", bytes);
        at::Tensor host = at::empty(x.sizes(), x.options().device(at::kCPU));
        if (bytes > 0) std::memcpy(host.data_ptr(), source, bytes);
        x.copy_(host);
    });
}

EXPORT int32_t attune_tensor_item(void* t, double* result) {
    return guarded([&] { *result = tensor(t).item().toDouble(); });
}

EXPORT int32_t attune_tensor_item_int64(void* t, int64_t* result) {
    return guarded([&] { *result = tensor(t).item().toLong(); });
}

// The address of contiguous host memory, for reading without a copy; null otherwise.
EXPORT int32_t attune_tensor_data(void* t, void** result) {
    return guarded([&] { *result = tensor(t).is_contiguous() && tensor(t).is_cpu() ? tensor(t).data_ptr() : nullptr; });
}

// ---- autograd ----

EXPORT int32_t attune_grad_mode() { return c10::GradMode::is_enabled() ? 1 : 0; }
EXPORT void attune_set_grad_mode(int32_t on) { c10::GradMode::set_enabled(on != 0); }

// The guard belongs to the thread that made it, and guards end in the reverse order of their beginning.
EXPORT int32_t attune_begin_inference(void** guard) {
    return guarded([&] { *guard = new c10::InferenceMode(); });
}
EXPORT void attune_end_inference(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }

EXPORT int32_t attune_requires_grad(void* t) {
    try { return tensor(t).requires_grad() ? 1 : 0; } catch (...) { return 0; }
}

EXPORT int32_t attune_set_requires_grad(void* t, int32_t on) {
    return guarded([&] { tensor(t).set_requires_grad(on != 0); });
}

EXPORT int32_t attune_grad(void* t, void** result) {
    return guarded([&] {
        const at::Tensor& grad = tensor(t).grad();
        *result = grad.defined() ? give(grad) : nullptr;
    });
}

EXPORT int32_t attune_set_grad(void* t, void* grad) {
    return guarded([&] { tensor(t).mutable_grad() = grad ? tensor(grad) : at::Tensor(); });
}

EXPORT int32_t attune_backward(void** roots, void** gradients, int32_t count, int32_t retain_graph) {
    return guarded([&] { torch::autograd::backward(list_of(roots, count), list_of(gradients, count), retain_graph != 0); });
}

// Gradient checkpointing: the output was computed without a graph; its backward asks the caller to compute it again with one.
typedef int32_t (*RecomputeCallback)(int64_t token, void* output_gradient, void** input_gradient);
typedef void (*ReleaseCallback)(int64_t token);

namespace {

struct Recompute : torch::autograd::Node {
    RecomputeCallback recompute;
    ReleaseCallback release;
    int64_t token;

    Recompute(RecomputeCallback recompute_, ReleaseCallback release_, int64_t token_) : recompute(recompute_), release(release_), token(token_) {}
    ~Recompute() override { release(token); }

    torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
        if (!gradients[0].defined()) return {at::Tensor()};
        void* input_gradient = nullptr;
        TORCH_CHECK(recompute(token, give(gradients[0]), &input_gradient) == 0, "recomputation of a checkpointed function failed");
        if (input_gradient == nullptr) return {at::Tensor()};
        std::unique_ptr<at::Tensor> owned(static_cast<at::Tensor*>(input_gradient));
        return {*owned};
    }
};

bool passes_recompute(const torch::autograd::variable_list& roots) {
    std::vector<torch::autograd::Node*> open;
    std::unordered_set<torch::autograd::Node*> seen;
    auto visit = [&](torch::autograd::Node* node) {
        if (node != nullptr && seen.insert(node).second) open.push_back(node);
    };
    for (const at::Tensor& root : roots) visit(root.grad_fn().get());
    while (!open.empty()) {
        auto* node = open.back();
        open.pop_back();
        if (dynamic_cast<Recompute*>(node) != nullptr) return true;
        for (const auto& edge : node->next_edges()) visit(edge.function.get());
    }
    return false;
}

}  // namespace

// Unreached inputs come back as null. What a checkpointed function uses besides its argument is not in the graph: it would look unreached,
// and its gradient would be added to the leaf instead.
EXPORT int32_t attune_gradients(void** outputs, void** gradients, int32_t output_count, void** inputs, int32_t input_count, void** results) {
    return guarded([&] {
        auto roots = list_of(outputs, output_count);
        TORCH_CHECK(!passes_recompute(roots), "the graph passes a checkpointed function, whose gradients go to Grad of its leaves alone, "
                    "expected none; call Backward, or compute without the checkpoint");
        auto grads = torch::autograd::grad(roots, list_of(inputs, input_count), list_of(gradients, output_count),
                                           /*retain_graph=*/{}, /*create_graph=*/false, /*allow_unused=*/true);
        for (int32_t k = 0; k < input_count; k++) results[k] = grads[k].defined() ? give(grads[k]) : nullptr;
    });
}

EXPORT int32_t attune_recompute(void* output, void* input, RecomputeCallback recompute, ReleaseCallback release, int64_t token, void** result) {
    return guarded([&] {
        auto node = std::shared_ptr<Recompute>(new Recompute(recompute, release, token), torch::autograd::deleteNode);
        node->set_next_edges(torch::autograd::collect_next_edges(tensor(input)));
        at::Tensor joined = tensor(output).detach();
        torch::autograd::set_history(joined, node);
        *result = give(joined);
    });
}

// ---- the machine ----

EXPORT int32_t attune_threads() { return at::get_num_threads(); }
EXPORT int32_t attune_set_threads(int32_t count) { return guarded([&] { at::set_num_threads(count); }); }

EXPORT int32_t attune_set_deterministic(int32_t on) {
    return guarded([&] { at::globalContext().setDeterministicAlgorithms(on != 0, /*warn_only=*/false); });
}

EXPORT int32_t attune_cuda_count() {
    try { return at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0; } catch (...) { return 0; }
}

EXPORT int32_t attune_cuda_synchronise(int32_t index) {
    return guarded([&] { at::detail::getCUDAHooks().deviceSynchronize(static_cast<c10::DeviceIndex>(index)); });
}

EXPORT const char* attune_configuration() {
    static thread_local std::string text;
    try { text = at::show_config() + at::get_parallel_info(); } catch (...) { text = "unknown"; }
    return text.c_str();
}
