using Attune.Models;
using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Updates;

/// <summary>
/// The models of PPO and who learns: the policy with a value head on its own trunk, or beside a critic with a trunk of its own. The reference
/// is a frozen copy; where the policy is an adapter's view, it is the view's base, and a critic another view: all of them hold one copy of the
/// weights. Owns what it made (reference, heads, critic); the policy stays its caller's.
/// </summary>
public sealed class PpoModels : IDisposable
{
    private PpoModels(CausalLm policy, CausalLm reference, CausalLm? critic, ScalarHead valueHead)
    {
        (Policy, Reference, Critic, ValueHead) = (policy, reference, critic, valueHead);
        policy.Train(true);
        reference.Train(false);
        critic?.Train(true);
        critic?.UsesCheckpointing = policy.UsesCheckpointing;
        valueHead.Train(true);
    }

    /// <summary>What samples and learns.</summary>
    public CausalLm Policy { get; }

    /// <summary>What the policy must stay near.</summary>
    public CausalLm Reference { get; }

    /// <summary>The critic's own trunk; null where it shares the policy's.</summary>
    public CausalLm? Critic { get; }

    /// <summary>Reads values off the critic's trunk, or the policy's.</summary>
    public ScalarHead ValueHead { get; }

    /// <summary>A shared trunk with a value head of zeros (Ziegler 2019). The reference is a copy of the policy as it is, or of the given model.</summary>
    public static PpoModels Shared(CausalLm policy, CausalLm? reference = null) =>
        new(policy, ReferenceOf(policy, reference), critic: null, ScalarHead.ForValue(policy.Config.Width, policy.Compute));

    /// <summary>A critic of its own that starts as a copy of a reward model (InstructGPT), its head too; with no head it starts at zero.</summary>
    /// <param name="policy">What learns.</param>
    /// <param name="criticTrunk">The reward model's trunk, or any other model that reads the policy's tokens.</param>
    /// <param name="criticHead">The reward model's head; null for zeros.</param>
    /// <param name="reference">Null for a copy of the policy as it is.</param>
    public static PpoModels WithCritic(CausalLm policy, CausalLm criticTrunk, ScalarHead? criticHead, CausalLm? reference = null)
    {
        if (criticTrunk.Config.VocabularySize != policy.Config.VocabularySize)
            throw new ArgumentException($"the critic reads {criticTrunk.Config.VocabularySize} kinds of tokens, the policy writes {policy.Config.VocabularySize}; take a reward model with the policy's tokenizer", nameof(criticTrunk));
        var head = ScalarHead.ForValue(criticTrunk.Config.Width, criticTrunk.Compute);
        if (criticHead is not null)
            head.CopyFrom(criticHead);
        return new(policy, ReferenceOf(policy, reference), criticTrunk.Twin(), head);
    }

    /// <summary>What moves with the policy's gradient: the policy, and the value head where the trunk is shared.</summary>
    internal IEnumerable<(string Name, Parameter Parameter)> PolicyParameters() =>
        Named("policy.", Policy).Concat(Critic is null ? Named("value.", ValueHead) : []);

    /// <summary>What moves with the value loss alone; nothing where the trunk is shared.</summary>
    internal IEnumerable<(string Name, Parameter Parameter)> CriticParameters() =>
        Critic is null ? [] : Named("critic.", Critic).Concat(Named("value.", ValueHead));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!ReferenceEquals(Reference, Policy.Base))
            Reference.Dispose();
        Critic?.Dispose();
        ValueHead.Dispose();
    }

    /// <summary>A frozen copy of the given model, or of the policy as it is: of an adapted one that begins at nothing, its base.</summary>
    private static CausalLm ReferenceOf(CausalLm policy, CausalLm? reference) => reference?.Copy() ?? policy.Base ?? policy.Copy();

    private static IEnumerable<(string, Parameter)> Named(string prefix, Module module) =>
        module.NamedParameters().Select(p => (prefix + p.Name, p.Parameter));
}
