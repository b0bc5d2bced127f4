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
#include <ATen/ops/addmv_cpu_dispatch.h>
#include <ATen/ops/baddbmm_cpu_dispatch.h>
#include <ATen/ops/bmm_cpu_dispatch.h>
#include <ATen/ops/mm_cpu_dispatch.h>
#include <torch/library.h>
#endif
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#if defined(__GLIBC__)
#include <malloc.h>
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
    mallopt(M_TOP_PAD, 16 << 20);
    return true;
}();
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

// ---- batched matrix products ----

#if TORCH_VERSION_MAJOR == 1 && defined(_OPENMP)

// BLAS, as libtorch brings it along.
extern "C" {
__attribute__((weak)) void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*, const float*,
                                  const int*, const float*, float*, const int*);
__attribute__((weak)) void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*, const int*, const double*,
                                  const int*, const double*, double*, const int*);
__attribute__((weak)) int openblas_get_parallel();  // 0 = one thread, 1 = threads of its own, 2 = OpenMP
__attribute__((weak)) void sgemv_(const char*, const int*, const int*, const float*, const float*, const int*, const float*, const int*, const float*, float*,
                                  const int*);
__attribute__((weak)) void dgemv_(const char*, const int*, const int*, const double*, const double*, const int*, const double*, const int*, const double*,
                                  double*, const int*);
}

// Built without MKL, libtorch 1.13 multiplies the matrices of a batch one after another, each with every thread: for attention's small matrices
// most of that time is threads meeting. Here each thread takes whole matrices, with the same gemm. Not where BLAS has threads of its own
// beside OpenMP's: each of ours would start all of those.
namespace {

// Whether each matrix lies row after row, or column after column (a transposed view); rows that share memory are neither.
bool by_rows(const at::Tensor& x) { return x.stride(2) == 1 && (x.stride(1) >= x.size(2) || x.size(1) == 1); }
bool by_columns(const at::Tensor& x) { return x.stride(1) == 1 && (x.stride(2) >= x.size(1) || x.size(2) == 1); }

// How gemm, which counts by columns, reads the transpose of a matrix, and how far its columns are apart.
struct Layout { char how; int step; };

Layout layout(const at::Tensor& x) {
    if (by_rows(x)) return {'N', static_cast<int>(std::max(x.stride(1), x.size(2)))};
    return {'T', static_cast<int>(std::max(x.stride(2), x.size(1)))};
}

at::Tensor readable(const at::Tensor& x) { return by_rows(x) || by_columns(x) ? x : x.contiguous(); }

// out[i] = alpha * a[i] * b[i] + beta * out[i]; out is contiguous.
template <typename Number, typename Gemm, typename Gemv>
void multiply_each(Gemm gemm, Gemv gemv, at::Tensor& out, const at::Tensor& a, const at::Tensor& b, Number alpha, Number beta) {
    const Layout of_a = layout(a), of_b = layout(b);
    const int rows = static_cast<int>(a.size(1)), inner = static_cast<int>(a.size(2)), columns = static_cast<int>(b.size(2));
    const int apart = inner > 1 ? static_cast<int>(a.stride(2)) : 1, next = 1;
    const Number *first_a = a.data_ptr<Number>(), *first_b = b.data_ptr<Number>();
    Number* first = out.data_ptr<Number>();
    const double operations = 2.0 * rows * inner * columns;
    const auto worth_a_thread = static_cast<int64_t>(1e6 / operations) + 1;  // a million takes about as long as waking a thread
    at::parallel_for(0, a.size(0), worth_a_thread, [&](int64_t begin, int64_t end) {
        // A row times a matrix needs no packing. Outside a parallel region OpenBLAS would wake every thread for it, from this size on.
        const bool is_vector = rows == 1 && (int64_t{inner} * columns < 9216 || at::in_parallel_region());
        for (int64_t i = begin; i < end; i++) {
            const Number *left = first_a + i * a.stride(0), *right = first_b + i * b.stride(0);
            Number* result = first + i * out.stride(0);
            if (!is_vector) gemm(&of_b.how, &of_a.how, &columns, &rows, &inner, &alpha, right, &of_b.step, left, &of_a.step, &beta, result, &columns);
            else if (of_b.how == 'N') gemv("N", &columns, &inner, &alpha, right, &of_b.step, left, &apart, &beta, result, &next);
            else gemv("T", &inner, &columns, &alpha, right, &of_b.step, left, &apart, &beta, result, &next);
        }
    });
}

bool takes(const at::Tensor& a, const at::Tensor& b) {
    constexpr int64_t largest = std::numeric_limits<int>::max();  // BLAS counts in int
    const bool both = a.dim() == 3 && b.dim() == 3 && a.scalar_type() == b.scalar_type() && (a.scalar_type() == at::kFloat || a.scalar_type() == at::kDouble);
    return both && a.size(0) == b.size(0) && a.size(2) == b.size(1) && a.numel() > 0 && b.numel() > 0 &&
        a.numel() <= largest && b.numel() <= largest && a.size(0) >= at::get_num_threads();
}

void multiply(at::Tensor& out, const at::Tensor& a, const at::Tensor& b, double alpha, double beta) {
    const at::Tensor left = readable(a), right = readable(b);
    if (a.scalar_type() == at::kFloat) multiply_each<float>(sgemm_, sgemv_, out, left, right, static_cast<float>(alpha), static_cast<float>(beta));
    else multiply_each<double>(dgemm_, dgemv_, out, left, right, alpha, beta);
}

at::Tensor bmm(const at::Tensor& a, const at::Tensor& b) {
    if (!takes(a, b)) return at::cpu::bmm(a, b);
    at::Tensor out = at::empty({a.size(0), a.size(1), b.size(2)}, a.options());
    multiply(out, a, b, 1, 0);
    return out;
}

at::Tensor baddbmm(const at::Tensor& added, const at::Tensor& a, const at::Tensor& b, const at::Scalar& beta, const at::Scalar& alpha) {
    if (!takes(a, b) || added.scalar_type() != a.scalar_type()) return at::cpu::baddbmm(added, a, b, beta, alpha);
    at::Tensor out = added.expand({a.size(0), a.size(1), b.size(2)}).clone(at::MemoryFormat::Contiguous);
    multiply(out, a, b, alpha.toDouble(), beta.toDouble());
    return out;
}

// One row times the transpose of a weight, as decoding does it: bound by reading the weight once, which a matrix-vector product does and a
// matrix product, which packs it first, does not.
bool is_row(const at::Tensor& a, const at::Tensor& b) {
    return a.dim() == 2 && b.dim() == 2 && a.size(0) == 1 && a.size(1) == b.size(0) && a.scalar_type() == b.scalar_type() &&
        (a.scalar_type() == at::kFloat || a.scalar_type() == at::kDouble) && b.stride(0) == 1 && b.stride(1) == b.size(0) && b.numel() > 0;
}

at::Tensor mm(const at::Tensor& a, const at::Tensor& b) {
    if (!is_row(a, b)) return at::cpu::mm(a, b);
    return at::mv(b.t(), a.select(0, 0)).unsqueeze_(0);
}

at::Tensor addmm(const at::Tensor& added, const at::Tensor& a, const at::Tensor& b, const at::Scalar& beta, const at::Scalar& alpha) {
    if (!is_row(a, b) || added.dim() != 1 || added.size(0) != b.size(1) || added.scalar_type() != a.scalar_type()) return at::cpu::addmm(added, a, b, beta, alpha);
    return at::cpu::addmv(added, b.t(), a.select(0, 0), beta, alpha).unsqueeze_(0);
}

// libtorch warns of every kernel that takes another's place; this one means to.
struct Silent : c10::WarningHandler {
    void process(const c10::SourceLocation&, const std::string&, const bool) override {}
};

const bool shares_batches = !at::hasMKL() && sgemm_ && dgemm_ && sgemv_ && dgemv_ && !(openblas_get_parallel && openblas_get_parallel() == 1);

const std::unique_ptr<torch::Library> kernels = [] {
    if (at::hasMKL()) return std::unique_ptr<torch::Library>();
    Silent silent;
    c10::Warning::WarningHandlerGuard guard(&silent);
    auto library = std::make_unique<torch::Library>(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__, __LINE__);
    library->impl("mm", TORCH_FN(mm));
    library->impl("addmm", TORCH_FN(addmm));
    if (!shares_batches) return library;
    library->impl("bmm", TORCH_FN(bmm));
    library->impl("baddbmm", TORCH_FN(baddbmm));
    return library;
}();

}  // namespace

EXPORT int32_t attune_shares_batches() { return shares_batches ? 1 : 0; }

#else

EXPORT int32_t attune_shares_batches() { return 0; }

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
