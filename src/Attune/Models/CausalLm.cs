using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>
/// A decoder-only transformer that predicts the next token. One class serves every family: what differs is data in
/// <see cref="TransformerConfig"/>. Hidden states and logits are separate steps, because the logits of a place that no loss reads are the
/// most expensive thing a training step can compute for nothing.
/// </summary>
public sealed class CausalLm : Module
{
    private readonly Embedding _embed;
    private readonly Embedding? _positions;
    private readonly Block[] _blocks;
    private readonly Norm _norm;
    private readonly Linear? _head;
    private readonly Tensor? _frequencies;
    private readonly bool _takesBase;
    private AdapterMerge? _merge;

    private CausalLm(TransformerConfig config, WeightSource weights)
    {
        Config = config;
        Compute = weights.Compute;
        _embed = Register("embed", new Embedding(weights.Weight("embed.weight", [config.VocabularySize, config.Width])));
        if (config.Positions == PositionKind.Learned)
            _positions = Register("positions", new Embedding(weights.Weight("positions.weight", [config.MaximumPositions, config.Width])));
        _blocks = new Block[config.Layers];
        for (var k = 0; k < _blocks.Length; k++)
            _blocks[k] = Register($"blocks.{k}", new Block(config, k, weights.Within($"blocks.{k}")));
        _norm = Register("norm", new Norm(config, Compute));
        if (config.HasOwnHead)
            _head = Register("head", new Linear(weights.Weight("head.weight", [config.VocabularySize, config.Width]), bias: null));
        if (config.Positions == PositionKind.Rotary)
            _frequencies = RotaryAngles.Frequencies(config, Compute);
    }

    /// <summary>The same weights with an adapter beside them.</summary>
    private CausalLm(CausalLm model, LoraAdapter adapter, HeadKind head, bool takesBase)
    {
        (Config, Compute, Folder, UsesCheckpointing) = (model.Config with { Head = head }, model.Compute, model.Folder, model.UsesCheckpointing);
        (_embed, _positions, _blocks, _norm, _head, _frequencies) = (model._embed, model._positions, model._blocks, model._norm, model._head, model._frequencies);
        (Base, Adapter, _takesBase) = (model, Register("", adapter), takesBase);
    }

    /// <summary>The model's shape.</summary>
    public TransformerConfig Config { get; }

    /// <summary>The folder that the weights were read from; null where they came from elsewhere.</summary>
    public string? Folder { get; private init; }

    /// <summary>Stands for the weights as they were read from <see cref="Folder"/>: see <see cref="Models.WeightsHash"/>. Null where they came from elsewhere.</summary>
    internal string? WeightsHash { get; set; }

    /// <summary>The model that this one is an adapter's view of; null for a model of its own.</summary>
    public CausalLm? Base { get; }

    /// <summary>What stands beside the weights of <see cref="Base"/>; null for a model of its own.</summary>
    public LoraAdapter? Adapter { get; }

    /// <summary>Device and dtype of weights and activations.</summary>
    public Compute Compute { get; }

    /// <summary>Compute layers again in backward instead of keeping their activations: less memory for about a third more time.</summary>
    public bool UsesCheckpointing { get; set; }

    /// <summary>Places whose logits stand in memory at once, in training and scoring: memory, never the result.</summary>
    public int LogitRows { get => field > 0 ? field : LogitPieces.RowsFor(Config.VocabularySize); set; }

    /// <summary>A new model with random weights.</summary>
    public static CausalLm Create(TransformerConfig config, Seed seed, Compute compute)
    {
        using var scope = TensorScope.Begin();
        return new CausalLm(config, new WeightSource(config, seed, compute));
    }

    /// <summary>A model whose weights are still to be read or copied: until then they are whatever the memory held.</summary>
    internal static CausalLm Blank(TransformerConfig config, Compute compute, string? folder = null)
    {
        using var scope = TensorScope.Begin();
        return new CausalLm(config, new WeightSource(config, Seed: null, compute)) { Folder = folder };
    }

    /// <summary>Reads a model from a Hugging Face folder.</summary>
    /// <param name="folder">Folder with config.json and safetensors weights.</param>
    /// <param name="compute">Device and dtype to compute with, whatever the file holds.</param>
    /// <param name="adapter">The adapter that is to stand beside it; where it says so, the matrices of the layers are packed.</param>
    /// <param name="weights">How the weights are to stand in memory; packed ones learn no more. Each matrix is packed as soon as it is read.</param>
    /// <exception cref="Runs.InputException">The folder is missing, damaged, or of a kind that Attune does not know.</exception>
    public static CausalLm Load(string folder, Compute compute, AdapterSettings? adapter = null, WeightForm weights = WeightForm.Full)
    {
        TorchRuntime.Require(compute.Device);
        using var files = HuggingFaceFolder.Open(folder);
        RequireLogits(files.Config, folder);
        var model = Blank(files.Config, compute, folder);
        try
        {
            model.ReadFrom(files, weights.OfLayers() ?? adapter?.BaseForm, withOutput: weights != WeightForm.Full);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Reads all weights, packing each matrix as soon as it is there, so that no two of them stand in memory unpacked.</summary>
    private void ReadFrom(HuggingFaceFolder files, PackedForm? layers, bool withOutput)
    {
        var packing = layers is { } form ? Packing(form, withOutput) : [];
        files.ReadInto(this, name =>
        {
            if (!packing.TryGetValue(name, out var pack))
                return;
            pack();
            TorchRuntime.TrimMemory();
        });
        WeightsHash = files.WeightsHash();
    }

    /// <summary>Rounds the matrices of the layers: they learn no more, and the model cannot be copied or saved any longer.</summary>
    /// <param name="layers">To what.</param>
    public void Pack(PackedForm layers) => Pack(layers, withOutput: false);

    /// <summary>Rounds all that is large for answering and scoring: the matrices of the layers, and the output layer, which may be the embedding.</summary>
    /// <param name="weights">To what; <see cref="WeightForm.Full"/> changes nothing.</param>
    public void Pack(WeightForm weights)
    {
        if (weights.OfLayers() is { } layers)
            Pack(layers, withOutput: true);
    }

    private void Pack(PackedForm layers, bool withOutput)
    {
        foreach (var pack in Packing(layers, withOutput).Values)
            pack();
    }

    /// <summary>What packs a parameter, by its name.</summary>
    private Dictionary<string, Action> Packing(PackedForm layers, bool withOutput)
    {
        var packing = _blocks.SelectMany((block, k) => block.Matrices.Select(m => (Name: $"blocks.{k}.{m.Name}", m.Matrix))).ToDictionary(m => m.Name, m => (Action)(() => m.Matrix.Pack(layers)));
        if (withOutput && _head is not null)
            packing.Add("head.weight", () => _head.Pack(PackedForm.Int8));
        else if (withOutput && Config.TiedEmbeddings)
            packing.Add("embed.weight", _embed.Pack);
        return packing;
    }

    /// <summary>
    /// Bytes of weights that decoding one token reads: every matrix once, with norms and biases. Of tables in which it looks up single rows nothing is
    /// counted, and neither are keys and values of earlier tokens.
    /// </summary>
    public long BytesReadPerToken
    {
        get
        {
            string[] lookedUp = ["positions.weight", Config.TiedEmbeddings ? "" : "embed.weight"];
            var packed = _blocks.SelectMany(block => block.Matrices).Select(m => m.Matrix.Packed).Append(_head?.Packed).Append(_embed.Packed);
            return (Base ?? this).NamedParameters().Where(p => !lookedUp.Contains(p.Name)).Sum(p => p.Parameter.Value.Count * p.Parameter.Value.DType.Size()) + packed.Sum(p => p?.ByteLength ?? 0);
        }
    }

    private void RequireUnpacked()
    {
        if ((Base ?? this)._blocks.Any(block => block.Matrices.Any(m => m.Matrix.Packed is not null)))
            throw new InvalidOperationException("the model's weights are packed, expected weights as they are; load the model again without packing");
    }

    /// <summary>Refuses a model whose head is for a score: its embedding would make logits that mean nothing.</summary>
    /// <exception cref="Runs.InputException">It is such a model.</exception>
    internal static void RequireLogits(TransformerConfig config, string folder)
    {
        if (config.Head != HeadKind.NextToken)
        {
            throw Runs.InputException.One(Path.Combine(folder, HuggingFaceFolder.ConfigName), "describes a reward model, whose head gives one score a text",
                "a model that predicts the next token", "name the folder of a language model");
        }
    }

    /// <summary>Writes the model as a Hugging Face folder, whole or not at all; of an adapted one the adapter alone, as PEFT does.</summary>
    /// <param name="folder">Where; an existing model there is replaced.</param>
    /// <param name="options">Shards, generation defaults, further files such as the tokenizer.</param>
    public void Save(string folder, FolderOptions? options = null) => HuggingFaceFolder.Write(folder, Config, this, options);

    /// <summary>
    /// This model with an adapter beside its layers: a view that computes with these very weights, so that both together hold one copy of them.
    /// The weights are frozen; the view's parameters are the adapter's. This model stays its owner's and has to outlive the view.
    /// </summary>
    /// <param name="adapter">The view owns it from now on.</param>
    public CausalLm With(LoraAdapter adapter) => With(adapter, Config.Head, takesBase: false);

    /// <inheritdoc cref="With(LoraAdapter)"/>
    /// <param name="adapter">The view owns it from now on.</param>
    /// <param name="head">What stands on top of the view.</param>
    /// <param name="takesBase">Whether the view owns this model, too.</param>
    internal CausalLm With(LoraAdapter adapter, HeadKind head, bool takesBase)
    {
        if (Base is not null)
            throw new ArgumentException("the model is an adapter's view already, expected one of its own; merge that adapter first, or take the view's base", nameof(adapter));
        Train(false);
        return new(this, adapter, head, takesBase);
    }

    /// <summary>
    /// Adds the adapter of this view to its base's weights until the result is disposed, so that it costs no time; then every weight is again what
    /// it was, to the bit. Meanwhile the base, and every other view of it, computes with the changed weights.
    /// </summary>
    /// <exception cref="InvalidOperationException">The model is no view, or merged already.</exception>
    public AdapterMerge Merge()
    {
        if (Base is null || _merge is { IsOver: false })
            throw new InvalidOperationException($"the model {(Base is null ? "has no adapter" : "is merged")}, expected an adapter's view that is not merged; merge one once");
        RequireUnpacked();
        return _merge = new(Base, Adapter!);
    }

    /// <summary>A copy with weights of its own, for instance the frozen reference of PPO; of an adapted model with the adapter merged into them.</summary>
    public CausalLm Copy()
    {
        RequireUnpacked();
        var copy = Blank(Config, Compute, Folder);
        copy.WeightsHash = WeightsHash;
        CopyWeightsInto(copy);
        return copy;
    }

    /// <summary>A copy that learns by itself: of a model of its own one with weights of its own, of an adapted one another view of the same base.</summary>
    internal CausalLm Twin() => Base is null ? Copy() : new(Base, Adapter!.Copy(Config), Config.Head, takesBase: false) { UsesCheckpointing = UsesCheckpointing };

    /// <summary>Overwrites the weights of a model of the same shape, whose head may be another, with this one's, its adapter merged into them.</summary>
    internal void CopyWeightsInto(CausalLm other)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var weights = (Base ?? this).NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Value);
        foreach (var (name, parameter) in other.NamedParameters())
        {
            parameter.Value.CopyFrom(weights[name]);
            Adapter?.AddTo(name, parameter.Value);
        }
    }

    /// <summary>The last layer's normalised activations.</summary>
    /// <param name="input">Ids and layout <c>[B,T]</c>.</param>
    /// <param name="cache">When given, the input continues what it holds, and it grows by T.</param>
    /// <returns><c>[B,T,D]</c>.</returns>
    public Tensor Hidden(ModelInput input, KvCache? cache = null) => Run(input, places: null, cache);

    /// <summary>
    /// The same at some places only: there and nowhere else is the last layer computed behind its attention, which three quarters of that layer's
    /// work are.
    /// </summary>
    /// <param name="input">Ids and layout <c>[B,T]</c>.</param>
    /// <param name="places">Flat places <c>[n]</c> within <c>[B·T]</c>, int64.</param>
    /// <param name="cache">When given, the input continues what it holds, and it grows by T.</param>
    /// <returns><c>[n,D]</c>.</returns>
    public Tensor HiddenAt(ModelInput input, Tensor places, KvCache? cache = null) => Run(input, places, cache);

    /// <summary>How many places <c>[B,T]</c> went through the layers since the start: the work that shared prompts and finished rows save.</summary>
    internal long PlacesRun { get; private set; }

    private Tensor Run(ModelInput input, Tensor? places, KvCache? cache)
    {
        using var scope = TensorScope.Begin();
        var x = _embed.Forward(input.Ids);
        if (Config.ScalesEmbeddings)
            x *= RoundedRoot(Config.Width, Compute.DType);
        if (_positions is not null)
            x += _positions.Forward(input.Positions);
        var rotary = _frequencies is null ? null : RotaryAngles.At(input.Positions, _frequencies, Compute.DType);
        var masks = new AttentionMasks(Config, Compute, input, cache?.Length ?? 0);
        var context = new PassContext(rotary, masks.Plain(), masks.Windowed(), cache) { Adapter = Adapter is null || _merge is { IsOver: false } ? null : new(Adapter, input, places) };
        var recomputes = UsesCheckpointing && cache is null && Autograd.IsEnabled;
        if (recomputes)
            context.KeepIn(scope); // backward reads it again, in the caller's scope
        if (recomputes && !x.RequiresGrad)
        {
            x = x.Detach(); // of frozen embeddings: only behind something that wants a gradient is the first layer computed again
            x.RequiresGrad = true;
        }

        foreach (var block in _blocks)
        {
            var at = ReferenceEquals(block, _blocks[^1]) ? places : null;
            x = recomputes ? Autograd.Checkpoint(y => block.Forward(y, context, at), x) : block.Forward(x, context, at);
        }

        PlacesRun += input.Ids.Count;
        cache?.Advance(input.Ids.Size(1));
        return scope.Keep(_norm.Forward(x));
    }

    /// <summary>Unnormalised log-probabilities of the next token.</summary>
    /// <param name="hidden">Activations <c>[…,D]</c>: select the places that a loss reads first.</param>
    /// <returns><c>[…,V]</c>.</returns>
    public Tensor Logits(Tensor hidden) => _head is null ? _embed.Products(hidden) : _head.Forward(hidden);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (Base is null)
            _frequencies?.Dispose();
        else if (_takesBase)
            Base.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>√D in the model's own element type, as published models were trained: 2048 in bfloat16 gives 45.25, not 45.2548.</summary>
    private static double RoundedRoot(int width, DType dtype)
    {
        using var scope = TensorScope.Begin();
        return Tensor.Of(Math.Sqrt(width)).To(dtype).Item();
    }
}
