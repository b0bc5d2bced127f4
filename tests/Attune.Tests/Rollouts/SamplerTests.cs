using System.Text;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Tests.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Rollouts;

[NoTensorLeaks]
public sealed class SamplerTests
{
    private static readonly SampleRequest[] Requests =
    [
        new([3, 17, 42], 0), new([8], 1), new([3, 17, 42], 2), new([60, 1, 29, 14, 5], 3), new([8], 4),
    ];

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Neighbours_and_batch_size_never_change_a_draw(string family)
    {
        using var model = TinyModel.Create(family);
        var options = new SamplingOptions { MaximumNewTokens = 12, EndTokens = [7, 9, 11] };
        var together = new Sampler(model, options).Sample(Requests, new Seed(5));
        var backwards = new Sampler(model, options) { MaximumBatch = 2 }.Sample([.. Requests.Reverse()], new Seed(5));
        for (var k = 0; k < Requests.Length; k++)
        {
            var alone = new Sampler(model, options).Sample([Requests[k]], new Seed(5))[0];
            Assert.Equal(alone.Response, together[k].Response);
            Assert.Equal(alone.Response, backwards[^(k + 1)].Response);
            Assert.Equal(alone.Finish, together[k].Finish);
        }

        Assert.Contains(together, r => r.Finish == FinishReason.EndToken);
        Assert.NotEqual(together[0].Response, together[2].Response); // same prompt, other request
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Kept_log_probs_are_those_of_a_full_pass(string family)
    {
        using var model = TinyModel.Create(family);
        foreach (var rollout in new Sampler(model, new SamplingOptions { MaximumNewTokens = 10 }).Sample(Requests, new Seed(5)))
        {
            var scored = TokenScoring.LogProbs(model, [[.. rollout.Prompt, .. rollout.Response]])[0];
            for (var k = 0; k < rollout.Response.Length; k++)
                Assert.Equal(scored[rollout.Prompt.Length - 1 + k], rollout.LogProbs[k], 2e-5f);
        }
    }

    [Fact]
    public void Log_probs_under_a_temperature_are_of_the_divided_logits_and_stay_whole_under_truncation()
    {
        using var model = TinyModel.Create("gpt2");
        var options = new SamplingOptions { MaximumNewTokens = 1, Temperature = 0.7, TopK = 3 };
        var rollout = new Sampler(model, options).Sample([Requests[0]], new Seed(5))[0];
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var logits = model.Logits(model.Hidden(ModelInput.Causal(Requests[0].Prompt, 1, Compute.Cpu)).Select(1, 2));
        var expected = (logits / 0.7).LogSoftmax(-1).ToArray<float>()[rollout.Response[0]];
        Assert.Equal(expected, rollout.LogProbs[0], 1e-5f);
    }

    [Fact]
    public void Draws_follow_the_distribution()
    {
        using var model = TinyModel.Create("gpt2");
        const int Draws = 4000;
        var requests = Enumerable.Range(0, Draws).Select(k => new SampleRequest([3, 17], k)).ToArray();
        var rollouts = new Sampler(model, new SamplingOptions { MaximumNewTokens = 1 }) { MaximumBatch = Draws }.Sample(requests, new Seed(11));
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var p = model.Logits(model.Hidden(ModelInput.Causal([3, 17], 1, Compute.Cpu)).Select(1, 1)).Softmax(-1).ToArray<float>();
        // Pearson's statistic over 61 tokens: mean 60, standard deviation 11; 115 is five above.
        var statistic = p.Select((q, token) => Math.Pow(rollouts.Count(r => r.Response[0] == token) - Draws * q, 2) / (Draws * q)).Sum();
        Assert.InRange(statistic, 20, 115);
    }

    [Fact]
    public void Greedy_takes_the_most_likely_token_at_every_place()
    {
        using var model = TinyModel.Create("llama");
        var rollout = new Sampler(model, new SamplingOptions { IsGreedy = true, MaximumNewTokens = 6 }).Sample([Requests[0]], new Seed(1))[0];
        var ids = Requests[0].Prompt.ToList();
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        foreach (var token in rollout.Response)
        {
            var best = model.Logits(model.Hidden(ModelInput.Causal(ids.ToArray(), 1, Compute.Cpu)).Select(1, ids.Count - 1)).ArgMax(-1).ItemInt64();
            Assert.Equal(best, token);
            ids.Add(token);
        }
    }

    [Fact]
    public void A_minimum_length_bans_end_tokens_until_it_is_reached()
    {
        using var model = TinyModel.Create("gpt2");
        int[] ends = [.. Enumerable.Range(0, 55)];
        var options = new SamplingOptions { MaximumNewTokens = 9, MinimumNewTokens = 5, EndTokens = ends };
        var rollouts = new Sampler(model, options).Sample(Requests, new Seed(2));
        Assert.All(rollouts, r => Assert.All(r.Response.Take(5), token => Assert.True(token >= 55)));
        Assert.All(rollouts, r => Assert.True(r.Response.Length > 5));
    }

    [Fact]
    public void A_stop_text_ends_a_response_even_when_it_spans_tokens()
    {
        using var model = TinyModel.Create("gpt2");
        byte[] BytesOf(int token) => Encoding.UTF8.GetBytes(token.ToString("00"));
        var free = new Sampler(model, new SamplingOptions { MaximumNewTokens = 8 }).Sample([Requests[0]], new Seed(4))[0];
        var text = string.Concat(free.Response.Select(t => t.ToString("00")));
        var stopAt = text.Substring(3, 2); // begins inside the second token, ends inside the third
        var firstEnd = text.IndexOf(stopAt, StringComparison.Ordinal) + 2;
        var stopped = new Sampler(model, new SamplingOptions { MaximumNewTokens = 8, StopStrings = [stopAt] }, BytesOf).Sample([Requests[0]], new Seed(4))[0];
        Assert.Equal(FinishReason.StopString, stopped.Finish);
        Assert.Equal((firstEnd + 1) / 2, stopped.Response.Length);
    }

    [Fact]
    public void A_value_head_reads_the_state_before_each_token()
    {
        using var model = TinyModel.Create("llama");
        using var head = ScalarHead.ForReward(model.Config.Width, new Seed(3), Compute.Cpu);
        var rollout = new Sampler(model, new SamplingOptions { MaximumNewTokens = 4 }) { ValueHead = head.Forward }.Sample([Requests[0]], new Seed(1))[0];
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        int[] ids = [.. rollout.Prompt, .. rollout.Response];
        var values = head.Forward(model.Hidden(ModelInput.Causal(ids, 1, Compute.Cpu))).ToArray<float>();
        for (var k = 0; k < 4; k++)
            Assert.Equal(values[rollout.Prompt.Length - 1 + k], rollout.Values![k], 1e-5f);
    }

    [Fact]
    public void What_cannot_be_sampled_is_refused_before_anything_runs()
    {
        using var model = TinyModel.Create("gpt2");
        var sampler = new Sampler(model, new SamplingOptions { MaximumNewTokens = 60 });
        Assert.Contains("at most 59", Assert.Throws<ArgumentException>(() => sampler.Sample([new([1, 2, 3, 4, 5], 0)], new Seed(1))).Message);
        Assert.Contains("empty prompt", Assert.Throws<ArgumentException>(() => sampler.Sample([new([], 0)], new Seed(1))).Message);
        Assert.Contains("token 61 at place 1", Assert.Throws<ArgumentException>(() => sampler.Sample([new([1, 61], 0)], new Seed(1))).Message);
        var all = new SamplingOptions { MinimumNewTokens = 1, EndTokens = [.. Enumerable.Range(0, 61)] };
        Assert.Contains("minimumNewTokens is 1 while all 61 tokens are end tokens", Assert.Throws<ArgumentException>(() => new Sampler(model, all)).Message);
        Assert.Contains("temperature is 0", Assert.Throws<ArgumentException>(() => new Sampler(model, new SamplingOptions { Temperature = 0 })).Message);
    }

    [Fact]
    public void Weights_that_are_not_numbers_stop_sampling_with_the_place()
    {
        using var model = TinyModel.Create("gpt2");
        using (Autograd.NoGrad())
            model.Parameters.First().Value.FillInPlace(double.NaN);
        Assert.Equal("the logits of request 0 are not finite after 0 tokens, expected finite numbers; the model's weights are damaged or its training diverged: take an earlier checkpoint or the model's original",
            Assert.Throws<RunFailedException>(() => new Sampler(model, new SamplingOptions { MaximumNewTokens = 4 }).Sample([Requests[0]], new Seed(1))).Message);
    }

    [Fact]
    public void The_log_prob_of_a_token_that_float32_gives_no_probability_is_finite()
    {
        using var model = CausalLm.Create(TinyModel.Gpt2 with { VocabularySize = 2 }, new Seed(1), Compute.Cpu);
        using (TensorScope.Begin())
        using (Autograd.NoGrad())
        {
            // A norm of gain 0 gives its bias, 200/32 at each of 32 places; the rows of the embedding are ones and zeros: logits 200 and 0.
            Named(model, "norm.weight").FillInPlace(0);
            Named(model, "norm.bias").FillInPlace(200.0 / 32);
            Named(model, "embed.weight").CopyFrom(Tensor.From([.. Enumerable.Repeat(1f, 32), .. Enumerable.Repeat(0f, 32)], 2, 32));
        }

        var options = new SamplingOptions { MaximumNewTokens = 1, MinimumNewTokens = 1, EndTokens = [0] };
        var rollout = new Sampler(model, options).Sample([new([1], 0)], new Seed(1))[0];
        var halved = new Sampler(model, options with { Temperature = 2 }).Sample([new([1], 0)], new Seed(1))[0];

        Assert.Equal([1], rollout.Response);
        Assert.Equal([-200f], rollout.LogProbs); // e^-200 is 0 in float32; −200 − log(1 + e^-200)
        Assert.Equal([-100f], halved.LogProbs);
    }

    [Fact]
    public void Samples_of_one_prompt_share_its_prefill_and_finished_rows_leave_the_batch()
    {
        using var model = TinyModel.Create("llama");
        using var head = ScalarHead.ForReward(model.Config.Width, new Seed(3), Compute.Cpu);
        var rows = new List<long>();
        var options = new SamplingOptions { MaximumNewTokens = 12, EndTokens = [.. Enumerable.Range(0, 8)] };
        var sampler = new Sampler(model, options)
        {
            ValueHead = hidden =>
            {
                rows.Add(hidden.Size(0));
                return head.Forward(hidden);
            },
        };
        int[] prompt = [3, 17, 42, 5];
        var lengths = sampler.Sample([.. Enumerable.Range(0, 9).Select(id => new SampleRequest(prompt, id))], new Seed(5)).Select(r => r.Response.Length).ToArray();

        Assert.True(lengths.Distinct().Count() > 2, string.Join(' ', lengths)); // they end at different times
        Assert.Equal(Enumerable.Range(1, lengths.Max()).Select(draw => (long)lengths.Count(length => length >= draw)), rows);
        Assert.Equal(prompt.Length + rows.Skip(1).Sum(), model.PlacesRun); // one prompt, then a place for each row that goes on
    }

    [Fact]
    public void Many_ragged_rows_are_each_as_if_alone()
    {
        using var model = TinyModel.Create("llama");
        var requests = Enumerable.Range(0, 32).Select(k => new SampleRequest([.. Enumerable.Range(0, 1 + k % 11).Select(place => (7 * k + 5 * place) % 61)], k)).ToArray();
        var options = new SamplingOptions { MaximumNewTokens = 8 };
        var together = new Sampler(model, options).Sample(requests, new Seed(5));
        for (var k = 0; k < requests.Length; k++)
        {
            var alone = new Sampler(model, options).Sample([requests[k]], new Seed(5))[0];
            Assert.Equal(alone.Response, together[k].Response);
            for (var place = 0; place < alone.LogProbs.Length; place++)
                Assert.Equal(alone.LogProbs[place], together[k].LogProbs[place], 1e-5f);
        }
    }

    [Fact]
    public void Far_more_requests_than_places_are_all_answered_and_read_no_more_than_alone()
    {
        using var model = TinyModel.Create("gpt2");
        var requests = Enumerable.Range(0, 100).Select(k => new SampleRequest([k % 61, (k * 3) % 61], k)).ToArray();
        var (one, few) = (new SamplingOptions { MaximumNewTokens = 1 }, new SamplingOptions { MaximumNewTokens = 7, EndTokens = [2, 4, 6, 8, 10] });
        foreach (var options in new[] { one, few })
        {
            var finished = 0;
            var together = new Sampler(model, options) { MaximumBatch = 9 }.Sample(requests, new Seed(5), count => finished += count);
            var alone = new Sampler(model, options) { MaximumBatch = 1 }.Sample(requests, new Seed(5));

            Assert.Equal(100, finished);
            Assert.Equal(alone.Select(r => r.Response), together.Select(r => r.Response));
        }

        Assert.Equal([3], new Sampler(model, new() { IsGreedy = true, MaximumNewTokens = 1, Biases = [new() { Tokens = [3], Bias = 1000 }] }) { MaximumBatch = int.MaxValue }.Sample([requests[0]], new Seed(1))[0].Response);
    }

    private static Tensor Named(CausalLm model, string name) => model.NamedParameters().Single(p => p.Name == name).Parameter.Value;
}
