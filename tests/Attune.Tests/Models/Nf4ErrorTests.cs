using System.Globalization;
using Attune.Models;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Modules;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

/// <summary>What 4-bit weights change of the model that comes with Attune: the table of docs/adapters.md is measured here.</summary>
[NoTensorLeaks]
public sealed class Nf4ErrorTests
{
    private const int Demonstrations = 48;

    [Fact]
    public void The_table_of_the_documentation_is_what_is_measured()
    {
        var texts = Texts();
        using var plain = CausalLm.Load(Base, Compute.Cpu);
        using var packed = Packed(doubleQuantisation: false);
        using var twice = Packed(doubleQuantisation: true);
        (string Name, double[] Numbers)[] measured =
        [
            ("float32", [0, Perplexity(plain, texts), 0]),
            ("4 bits", [WeightError(plain, doubleQuantisation: false), Perplexity(packed, texts), Divergence(plain, packed, texts)]),
            ("4 bits, double quantisation", [WeightError(plain, doubleQuantisation: true), Perplexity(twice, texts), Divergence(plain, twice, texts)]),
        ];

        var rows = Documented().ToArray();

        Assert.Equal(measured.Select(m => m.Name), rows.Select(r => r.Name));
        foreach (var ((name, found), row) in measured.Zip(rows))
        {
            // Other machines sum in another order, which moves the last digit written.
            var text = $"| {name} | {string.Join(" | ", Written(found))} |";
            Assert.True(found.Zip(row.Numbers, (a, b) => Math.Abs(a - b)).Zip([0.0006, 0.006, 0.0006], (off, most) => off <= most).All(isNear => isNear), $"docs/adapters.md has other numbers than {text}");
        }
    }

    private static string Base => Repository.PathOf("models/base");

    private static CausalLm Packed(bool doubleQuantisation) => CausalLm.Load(Base, Compute.Cpu, new() { BaseBits = 4, DoubleQuantisation = doubleQuantisation });

    private static int[][] Texts()
    {
        var tokenizer = Tokenizer.Load(Base);
        return [.. Readers.PromptResponses(Repository.PathOf("data/quickstart/demonstrations.jsonl"), new FieldMap()).Take(Demonstrations).Select(row => tokenizer.Encode(row.Prompt + row.Response))];
    }

    /// <summary>‖W − Ŵ‖ / ‖W‖ over the matrices of the layers together.</summary>
    private static double WeightError(CausalLm model, bool doubleQuantisation)
    {
        using var scope = TensorScope.Begin();
        var (off, all) = (0.0, 0.0);
        foreach (var (_, parameter) in model.NamedParameters().Where(p => p.Name.StartsWith("blocks.", StringComparison.Ordinal) && p.Parameter.Value.Rank == 2))
        {
            var weight = parameter.Value.Detach();
            using var packed = new Nf4Matrix(weight, doubleQuantisation);
            off += (weight - packed.Unpack()).Square().Sum().Item();
            all += weight.Square().Sum().Item();
        }

        return Math.Sqrt(off / all);
    }

    private static double Perplexity(CausalLm model, int[][] texts) => Math.Exp(-TokenScoring.LogProbs(model, texts).SelectMany(row => row).Average(p => (double)p));

    /// <summary>Σ p·(log p − log q), nats a token.</summary>
    private static double Divergence(CausalLm plain, CausalLm packed, int[][] texts)
    {
        using var frozen = Autograd.NoGrad();
        var (sum, tokens) = (0.0, 0L);
        foreach (var text in texts)
        {
            using var scope = TensorScope.Begin();
            var input = ModelInput.Causal(text, 1, Compute.Cpu);
            var (p, q) = (plain.Logits(plain.Hidden(input)).LogSoftmax(-1), packed.Logits(packed.Hidden(input)).LogSoftmax(-1));
            sum += (p.Exp() * (p - q)).Sum().Item();
            tokens += text.Length;
        }

        return sum / tokens;
    }

    private static IEnumerable<string> Written(double[] row) =>
    [
        row[0] == 0 ? "–" : row[0].ToString("P1", CultureInfo.InvariantCulture), row[1].ToString("F2", CultureInfo.InvariantCulture), row[2] == 0 ? "–" : row[2].ToString("F3", CultureInfo.InvariantCulture),
    ];

    /// <summary>The rows below the heading that speaks of perplexity.</summary>
    private static IEnumerable<(string Name, double[] Numbers)> Documented()
    {
        var lines = File.ReadLines(Repository.PathOf("docs/adapters.md")).SkipWhile(line => !line.StartsWith("| `models/base`", StringComparison.Ordinal)).Skip(2).TakeWhile(line => line.StartsWith('|'));
        foreach (var cells in lines.Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..^1]))
            yield return (cells[0], [Number(cells[1].TrimEnd('%', ' ')) / 100, Number(cells[2]), Number(cells[3])]);
    }

    private static double Number(string cell) => cell == "–" ? 0 : double.Parse(cell, CultureInfo.InvariantCulture);
}
