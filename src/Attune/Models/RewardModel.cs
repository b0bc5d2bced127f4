using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>
/// One score for a prompt with its answer: a transformer whose last real token's activations go through a scalar head. Checkpoint keys are
/// those of the trunk, unchanged, and <c>score.weight</c>, <c>score.bias</c>.
/// </summary>
/// <remarks>
/// Rows are padded on the right: attention looks back only, so no real place sees padding, and plain causal attention serves.
/// Trap: reading the score at the row's last place instead of the last real one reads padding in every row but the longest.
/// Not here: a score a token (a value head does that), ensembles.
/// </remarks>
public sealed class RewardModel : Module
{
    private RewardModel(CausalLm trunk, ScalarHead head)
    {
        Trunk = Register("", trunk);
        Head = Register("score", head);
    }

    /// <summary>The transformer.</summary>
    public CausalLm Trunk { get; }

    /// <summary>From activations to scores.</summary>
    public ScalarHead Head { get; }

    /// <summary>Device and dtype of weights and activations.</summary>
    public Compute Compute => Trunk.Compute;

    /// <summary>A reward model to be trained: a copy of a policy's transformer with a fresh head (Ziegler et al. 2019).</summary>
    /// <param name="policy">Where the weights come from, usually the fine-tuned model; stays its owner's. Its output layer is not copied.</param>
    /// <param name="seed">Decides the head's first weights.</param>
    /// <param name="start">How wide they are drawn.</param>
    public static RewardModel Create(CausalLm policy, Seed seed, HeadStart start = HeadStart.Root)
    {
        var config = policy.Config with { Head = HeadKind.Score };
        var model = new RewardModel(CausalLm.Blank(config, policy.Compute), ScalarHead.ForReward(config.Width, seed.For("score"), policy.Compute, start));
        policy.CopyWeightsInto(model.Trunk);
        return model;
    }

    /// <summary>A reward model to be trained that shares a model's transformer: an adapter beside it and a fresh head are all that learns.</summary>
    /// <param name="trunk">Its weights are frozen. It has to outlive the reward model.</param>
    /// <param name="adapter">The reward model owns it from now on.</param>
    /// <param name="head">So this.</param>
    /// <param name="takesTrunk">Whether the reward model owns the trunk, too.</param>
    internal static RewardModel On(CausalLm trunk, LoraAdapter adapter, ScalarHead head, bool takesTrunk) =>
        new(trunk.With(adapter, HeadKind.Score, takesTrunk), head);

    /// <summary>This reward model with its transformer frozen and an adapter beside it; the head goes on as it is. Takes this model over.</summary>
    internal RewardModel Adapted(LoraAdapter adapter)
    {
        var head = ScalarHead.ForValue(Trunk.Config.Width, Compute);
        head.CopyFrom(Head);
        Head.Dispose();
        return On(Trunk, adapter, head, takesTrunk: true);
    }

    /// <summary>Reads a reward model from a Hugging Face folder of the sequence-classification kind with one label.</summary>
    /// <param name="folder">Folder with config.json and safetensors weights.</param>
    /// <param name="compute">Device and dtype to compute with, whatever the file holds.</param>
    /// <exception cref="InputException">The folder is missing, damaged, or holds no reward model.</exception>
    public static RewardModel Load(string folder, Compute compute)
    {
        TorchRuntime.Require(compute.Device);
        using var files = HuggingFaceFolder.Open(folder);
        if (files.Config.Head != HeadKind.Score)
            throw NoScore(folder);
        var model = Blank(files.Config, compute, folder);
        try
        {
            files.ReadInto(model);
            model.Trunk.WeightsHash = files.WeightsHash();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Reads a reward model that stands beside a policy: where both are adapters on the same base, a view of the policy's copy of that base, which
    /// has to outlive it; any other as <see cref="Load"/> does.
    /// </summary>
    /// <exception cref="InputException">The folder is missing, damaged, or holds no reward model.</exception>
    public static RewardModel LoadBeside(CausalLm policy, string folder)
    {
        if (policy.Base is not { } trunk || trunk.Config.Head != HeadKind.NextToken || !AdapterFolder.IsOn(folder, trunk.Folder))
            return Load(folder, policy.Compute);
        using var files = AdapterFolder.Open(folder, trunk.Config);
        if (files.Stored.Head != HeadKind.Score)
            throw NoScore(folder);
        files.RequireBase(trunk.WeightsHash);
        var head = ScalarHead.ForValue(trunk.Config.Width, trunk.Compute);
        foreach (var (name, parameter) in head.NamedParameters().Where(p => files.Holds("score." + p.Name)))
            files.ReadWhole("score." + name, parameter.Value);
        return On(trunk, files.Read(trunk.Config, trunk.Compute), head, takesTrunk: false);
    }

    /// <summary>Writes the model, head included, as a Hugging Face folder, whole or not at all.</summary>
    /// <param name="folder">Where; an existing model there is replaced.</param>
    /// <param name="options">Shards and further files such as the tokenizer.</param>
    public void Save(string folder, FolderOptions? options = null) => HuggingFaceFolder.Write(folder, Trunk.Config, this, options);

    /// <summary>A copy with weights of its own.</summary>
    public RewardModel Copy()
    {
        var copy = Blank(Trunk.Config, Compute);
        Trunk.CopyWeightsInto(copy.Trunk);
        copy.Head.CopyFrom(Head);
        return copy;
    }

    /// <summary>Scores in one forward pass, with gradients where they are recorded.</summary>
    /// <param name="sequences">Token ids of prompt and answer, without padding, at least one each.</param>
    /// <param name="draws">Where dropout's draws come from; null for none.</param>
    /// <returns><c>[N]</c>.</returns>
    public Tensor Forward(IReadOnlyList<int[]> sequences, DropoutDraws? draws = null)
    {
        // No scope of its own: a trunk that recomputes reads mask and places again in backward.
        var width = Width(sequences);
        var ids = new int[sequences.Count * width];
        var last = new long[sequences.Count]; // flat place of each row's last real token
        for (var row = 0; row < sequences.Count; row++)
        {
            sequences[row].CopyTo(ids, row * width);
            last[row] = (long)row * width + sequences[row].Length - 1;
        }

        var hidden = Trunk.HiddenAt(ModelInput.Causal(ids, sequences.Count, Compute) with { Draws = draws }, Tensor.From(last, last.Length).To(Compute.Device)); // [N,D]
        return Head.Forward(hidden);
    }

    /// <summary>Scores without gradients.</summary>
    /// <param name="sequences">Token ids of prompt and answer, without padding, at least one each.</param>
    /// <param name="microBatch">Sequences in one forward pass; has no influence on the result but rounding.</param>
    /// <returns>One score a sequence, in the given order.</returns>
    public double[] Score(IReadOnlyList<int[]> sequences, int microBatch = 16)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatch, 1);
        using var frozen = Autograd.NoGrad();
        var scores = new double[sequences.Count];
        var byLength = Enumerable.Range(0, sequences.Count).OrderBy(k => sequences[k].Length); // little padding, stable
        foreach (var chunk in byLength.Chunk(microBatch))
        {
            using var scope = TensorScope.Begin();
            var found = Forward([.. chunk.Select(k => sequences[k])]).ToDoubles();
            for (var k = 0; k < chunk.Length; k++)
                scores[chunk[k]] = found[k];
        }

        return scores;
    }

    private static RewardModel Blank(TransformerConfig config, Compute compute, string? folder = null) =>
        new(CausalLm.Blank(config, compute, folder), ScalarHead.ForValue(config.Width, compute));

    private static InputException NoScore(string folder) =>
        InputException.One(folder, "holds a model that predicts tokens", "a reward model", "train one from it with 'attune reward'");

    private static int Width(IReadOnlyList<int[]> sequences)
    {
        if (sequences.Count == 0)
            throw new ArgumentException("There are 0 sequences; a forward pass needs at least one.", nameof(sequences));
        for (var row = 0; row < sequences.Count; row++)
        {
            if (sequences[row].Length == 0)
                throw new ArgumentException($"Sequence {row} has 0 tokens; expected at least one to read the score at.", nameof(sequences));
        }

        return sequences.Max(s => s.Length);
    }
}
