using Attune.Models;
using Attune.Tests.Models;
using Attune.Torch;

namespace Attune.Tests.Rollouts;

/// <summary>A model of chosen probabilities: what comes next depends on the last token alone, by a table. Cases that a reader can redo need no others.</summary>
internal static class ChainModel
{
    /// <param name="probabilities">Row t: of each next token after token t; 0 becomes 1e-13.</param>
    public static CausalLm Create(double[][] probabilities)
    {
        var tokens = probabilities.Length;
        var config = TinyModel.Llama with { VocabularySize = tokens };
        var model = CausalLm.Create(config, new Seed(1), Compute.Cpu);
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        foreach (var (name, parameter) in model.NamedParameters().Where(p => p.Name.StartsWith("blocks.", StringComparison.Ordinal)))
            parameter.Value.FillInPlace(0); // the blocks add nothing
        // Token t is a vector along axis t, far longer than the norm's ε, which the norm makes √width long; the head's row v holds log P(v | t) / √width there.
        var (embed, head) = (new float[tokens * config.Width], new float[tokens * config.Width]);
        for (var t = 0; t < tokens; t++)
        {
            embed[(t * config.Width) + t] = 1000;
            for (var v = 0; v < tokens; v++)
                head[(v * config.Width) + t] = (float)(Math.Log(Math.Max(probabilities[t][v], 1e-13)) / Math.Sqrt(config.Width));
        }

        Named(model, "embed.weight").CopyFrom(Tensor.From(embed, tokens, config.Width));
        Named(model, "head.weight").CopyFrom(Tensor.From(head, tokens, config.Width));
        Named(model, "norm.weight").FillInPlace(1);
        return model;
    }

    private static Tensor Named(CausalLm model, string name) => model.NamedParameters().Single(p => p.Name == name).Parameter.Value;
}
