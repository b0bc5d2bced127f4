// The native code of Attune: a flat C interface over libtorch's operator dispatcher.
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
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

// c10::optional until 2.x replaced it by std::optional: ask for whatever c10::List's elements convert from and operators are registered with.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
using OptionalTensor = std::optional<at::Tensor>;
#else
using OptionalTensor = c10::optional<at::Tensor>;
#endif

#include "memory.h"
#include "packed.h"
#if TORCH_VERSION_MAJOR == 1 && defined(_OPENMP)
#include "products.h"
#endif

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using c10::IValue;

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

#if TORCH_VERSION_MAJOR == 1 && defined(_OPENMP)
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

// Uninitialised memory would make results depend on chance: data arrives together with the tensor.
EXPORT int32_t attune_tensor_from(const void* data, const int64_t* sizes, int32_t rank, int32_t dtype, void** result) {
    return guarded([&] {
        at::NoGradGuard no_grad;
        at::Tensor t = at::empty(at::IntArrayRef(sizes, rank), at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype)));
        ask_for_large_pages();
        if (t.nbytes() > 0) std::memcpy(t.data_ptr(), data, t.nbytes());
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

EXPORT void attune_trim_memory() { trim_memory(); }

EXPORT int32_t attune_threads() { return at::get_num_threads(); }
EXPORT int32_t attune_set_threads(int32_t count) {
    at::get_num_threads();  // the first question on a thread sets the last number that any thread asked for: let it come first
    return guarded([&] { at::set_num_threads(count); });
}

EXPORT int32_t attune_set_deterministic(int32_t on) {
    return guarded([&] { at::globalContext().setDeterministicAlgorithms(on != 0, /*warn_only=*/false); });
}

EXPORT int32_t attune_cuda_count() {
    try { return at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0; } catch (...) { return 0; }
}

EXPORT const char* attune_configuration() {
    static thread_local std::string text;
    try { text = at::show_config() + at::get_parallel_info(); } catch (...) { text = "unknown"; }
    return text.c_str();
}
