using Attune.Models;
using Attune.Tests.Models;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>Small models and comparisons that reward training is tested with.</summary>
internal static class RewardTrainerCases
{
    public static RewardModel ZeroHeaded()
    {
        var model = Tiny("gpt2");
        model.Head.Rescale(0, 0);
        return model;
    }

    public static RewardModel Tiny(string family, ulong seed = 1)
    {
        using var policy = TinyModel.Create(family, seed);
        return RewardModel.Create(policy, new Seed(seed + 1));
    }

    /// <summary>Two sequences of 4 to 10 tokens below 20 each; the one with more tokens 5 is chosen.</summary>
    public static PreferenceExample[] CountingPairs(int count, Seed seed)
    {
        var pairs = new List<PreferenceExample>();
        for (var row = 0; pairs.Count < count; row++)
        {
            var (a, b) = (Draw(seed.For(row).For("a")), Draw(seed.For(row).For("b")));
            var lead = a.Count(id => id == 5) - b.Count(id => id == 5);
            if (lead != 0)
                pairs.Add(lead > 0 ? new(a, b) : new(b, a));
        }

        return [.. pairs];
    }

    private static int[] Draw(Seed seed)
    {
        var ids = new int[4 + seed.Below(7, row: 0)];
        for (var k = 0; k < ids.Length; k++)
            ids[k] = seed.Uniform(row: 1, position: k) < 0.3 ? 5 : seed.Below(20, row: 2, position: k);
        return ids;
    }

    /// <summary>All kinds of example, of different lengths, weights and numbers of answers.</summary>
    public static RewardExample[] Mixed()
    {
        var pairs = CountingPairs(8, new Seed(7));
        int[][] answers = [.. pairs.SelectMany(p => p.Sequences)];
        return
        [
            pairs[0],
            pairs[1] with { PChosen = 0.7 },
            pairs[2] with { Margin = 0.5, Strength = 2 },
            new RankingExample(answers[..4], [1, 0, 0, 2]),
            new RankingExample(answers[4..7], [0, 1, 2]),
            new RankingExample(answers[7..9], [1, 1]), // says nothing
            new ChoiceExample(answers[8..12], 2),
            new ChoiceExample(answers[12..15], 0),
        ];
    }
}
