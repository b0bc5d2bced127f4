using System.Text.Json;
using Attune.Models;
using Attune.Rollouts;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Rollouts;

/// <summary>
/// A model that was trained, by others (karpathy/llama2.c's stories260K), against the texts that llama2.c prints and numbers of a second
/// implementation (eval-golden.json, section stories260K): log-probs to 2e-3, float32 on both sides.
/// </summary>
[NoTensorLeaks]
public sealed class StoriesTests
{
    private const double Tolerance = 2e-3;

    private static JsonElement Golden => Fixtures.Json("fixtures/eval-golden.json").GetProperty("stories260K");

    private static JsonElement Values => Golden.GetProperty("values");

    [FixtureFact]
    public void The_greedy_story_is_the_published_one()
    {
        using var model = StoriesModel.Load();
        var expected = Ids(Values.GetProperty("greedy200_ids"));
        var options = new SamplingOptions { IsGreedy = true, MaximumNewTokens = expected.Length - 1 };
        var story = new Sampler(model, options).Sample([new([expected[0]], 0)], new Seed(1))[0];

        Assert.Equal(expected[1..], story.Response);
        Assert.Equal(Values.GetProperty("greedy200_text").GetString(), Text(story.Response));
    }

    [FixtureFact]
    public void The_seeded_story_is_the_published_one()
    {
        using var model = StoriesModel.Load();
        using var numbers = Autograd.Inference();
        var expected = Ids(Values.GetProperty("sample_t1_p09_seed133742_ids"));
        using var cache = new KvCache(model.Config, 1, expected.Length, Compute.Cpu);
        var chain = new SamplingChain(new() { TopP = 0.9 });
        var (state, ids) = (133742UL, new List<int> { expected[0] });
        while (ids.Count < expected.Length)
        {
            using var scope = TensorScope.Begin();
            var logits = model.Logits(model.Hidden(ModelInput.Next([ids[^1]], [ids.Count - 1], mask: null, Compute.Cpu), cache)).ToArray<float>();
            chain.Apply(logits, ids.ToArray(), newTokens: ids.Count - 1);
            ids.Add(Drawn(logits, ref state));
        }

        Assert.Equal(expected, ids);
        Assert.Equal(Values.GetProperty("sample_t1_p09_seed133742_text").GetString(), Text(ids.Skip(1)));
    }

    [FixtureFact]
    public void Log_probs_of_texts_are_those_of_a_second_implementation()
    {
        using var model = StoriesModel.Load();
        using var frozen = Autograd.NoGrad();
        var prompts = Values.GetProperty("prompts").EnumerateArray().ToArray();
        Assert.Equal(2, prompts.Length);
        foreach (var prompt in prompts)
        {
            var expected = prompt.GetProperty("token_logprobs").EnumerateArray().Select(p => p.GetDouble()).ToArray();
            var actual = TokenScoring.LogProbs(model, [Ids(prompt.GetProperty("ids"))])[0];
            Assert.Equal(expected.Length, actual.Length);
            for (var k = 0; k < expected.Length; k++)
                Assert.Equal(expected[k], actual[k], Tolerance);
            Assert.Equal(prompt.GetProperty("sum_logprob").GetDouble(), actual.Sum(p => (double)p), expected.Length * Tolerance);
        }
    }

    [FixtureFact]
    public void Logits_after_the_first_token_are_those_of_a_second_implementation()
    {
        using var model = StoriesModel.Load();
        using var frozen = Autograd.NoGrad();
        using var scope = TensorScope.Begin();
        var logits = model.Logits(model.Hidden(ModelInput.Causal([1], 1, Compute.Cpu))).ToArray<float>();
        var expected = Values.GetProperty("bos_logits_top8").EnumerateArray().Select(pair => (Id: pair[0].GetInt32(), Logit: pair[1].GetDouble())).ToArray();

        Assert.Equal(8, expected.Length);
        Assert.Equal(expected.Select(e => e.Id), Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).Take(8));
        Assert.All(expected, e => Assert.Equal(e.Logit, logits[e.Id], Tolerance));
    }

    [FixtureFact]
    public void Choices_score_as_in_a_second_implementation()
    {
        using var model = StoriesModel.Load();
        using var frozen = Autograd.NoGrad();
        var question = Values.GetProperty("mc");
        var story = Ids(Values.GetProperty("greedy200_ids"));
        var context = story[..Array.IndexOf(story, Ids(question.GetProperty("choices")[0].GetProperty("cont_ids"))[0])]; // which the greedy story begins with
        Assert.Equal(question.GetProperty("context").GetString(), Text(context.Skip(1)));
        foreach (var choice in question.GetProperty("choices").EnumerateArray())
        {
            var ids = Ids(choice.GetProperty("cont_ids"));
            var logProbs = TokenScoring.LogProbs(model, [[.. context, .. ids]])[0][(context.Length - 1)..];
            var sum = logProbs.Sum(p => (double)p);
            Assert.Equal(choice.GetProperty("ll").GetDouble(), sum, ids.Length * Tolerance);
            Assert.Equal(choice.GetProperty("ll_per_char").GetDouble(), sum / choice.GetProperty("choice").GetString()!.TrimStart().Length, Tolerance);
        }
    }

    [FixtureFact]
    public void Beams_find_what_a_second_implementation_finds()
    {
        using var model = StoriesModel.Load();
        var golden = Values.GetProperty("beam4_new20_lp1");
        AssertBeams(model, Ids(golden.GetProperty("prompt_ids")), 20, [.. golden.GetProperty("best").EnumerateArray()], "score");
        foreach (var each in Golden.GetProperty("beam_vs_greedy").EnumerateArray())
        {
            var (prompt, length) = (Ids(each.GetProperty("prompt_ids")), each.GetProperty("max_new_tokens").GetInt32());
            var greedy = new Sampler(model, new() { IsGreedy = true, MaximumNewTokens = length }).Sample([new(prompt, 0)], new Seed(1))[0];
            Assert.Equal(Ids(each.GetProperty("greedy_ids")), greedy.Response);
            Assert.Equal(each.GetProperty("greedy_sum_logprob").GetDouble(), greedy.LogProbs.Sum(p => (double)p), length * Tolerance);
            AssertBeams(model, prompt, length, [.. each.GetProperty("beams4").EnumerateArray()], "hf_score_lp1");
        }
    }

    private static void AssertBeams(CausalLm model, int[] prompt, int length, JsonElement[] expected, string score)
    {
        var found = new BeamSearch(model, new() { Beams = 4 }, new() { MaximumNewTokens = length }).Search(prompt);
        Assert.Equal(4, expected.Length);
        Assert.Equal(4, found.Count);
        for (var k = 0; k < 4; k++)
        {
            Assert.Equal(Ids(expected[k].GetProperty("ids")), found[k].Response);
            Assert.Equal(expected[k].GetProperty(score).GetDouble(), found[k].Score, Tolerance);
            Assert.Equal(expected[k].GetProperty("text").GetString(), Text(prompt.Skip(1).Concat(found[k].Response)));
        }
    }

    /// <summary>llama2.c's draw: the kept tokens from the likeliest down, until a share of their probability is passed.</summary>
    private static int Drawn(float[] logits, ref ulong state)
    {
        var order = Enumerable.Range(0, logits.Length).Where(id => !float.IsNegativeInfinity(logits[id])).OrderByDescending(id => logits[id]).ToArray();
        var weights = order.Select(id => Math.Exp(logits[id] - logits[order[0]])).ToArray();
        var share = NextFloat(ref state) * weights.Sum();
        for (var k = 0; k < order.Length; k++)
        {
            share -= weights[k];
            if (share < 0)
                return order[k];
        }

        return order[^1];
    }

    /// <summary>xorshift64*, of which 24 bits are taken.</summary>
    private static float NextFloat(ref ulong state)
    {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        var word = (uint)(unchecked(state * 0x2545F4914F6CDD1DUL) >> 32);
        return (word >> 8) / 16777216f;
    }

    private static string Text(IEnumerable<int> ids)
    {
        var tokens = StoriesModel.Tokens();
        var text = string.Concat(ids.Select(id => tokens[id] == "<0x0A>" ? "\n" : tokens[id]));
        return text.StartsWith(' ') ? text[1..] : text; // the blank before the first word is not printed
    }

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
