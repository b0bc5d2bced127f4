using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Tests.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Rollouts;

[NoTensorLeaks]
public sealed class DecodingEngineTests
{
    /// <summary>Requests of unlike lengths and settings: prompts of 1 to 23 tokens, 2 to 30 new ones.</summary>
    private static readonly (SampleRequest Request, SamplingOptions Options)[] Asked =
    [
        .. Enumerable.Range(0, 24).Select(k => (
            new SampleRequest([.. Enumerable.Range(0, 1 + (k * 7 % 23)).Select(place => ((7 * k) + (5 * place)) % 61)], k),
            new SamplingOptions
            {
                MaximumNewTokens = 2 + (k * 11 % 29),
                Temperature = 0.5 + (0.25 * (k % 4)),
                TopK = k % 3 == 0 ? 9 : 0,
                IsGreedy = k % 5 == 4,
                RepetitionPenalty = k % 7 == 6 ? 1.3 : 1,
                EndTokens = k % 4 == 1 ? [3, 5, 8, 13, 21, 34] : [],
            })),
    ];

    [Theory]
    [InlineData("gpt2", 3)]
    [InlineData("llama", 3)]
    [InlineData("llama", 16)]
    public void Rows_that_join_and_leave_at_any_step_are_each_as_if_alone(string family, int most)
    {
        using var model = TinyModel.Create(family);
        var results = new Dictionary<long, Rollout>();
        using (var engine = new DecodingEngine(model) { MaximumRows = most })
        {
            for (var step = 0; ; step++)
            {
                // One joins at every second step, the rest at once, into a batch that is running.
                if (step % 2 == 0 && step / 2 < 12)
                    Submit(step / 2);
                for (var k = 12; step == 25 && k < Asked.Length; k++)
                    Submit(k);
                if (!engine.Step() && step > 25)
                    break;
                Assert.InRange(engine.Active, 0, most);
            }

            void Submit(int k) => engine.Submit(new(Asked[k].Request, new Seed(5), Asked[k].Options) { Finished = rollout => results.Add(rollout.Id, rollout) });
        }

        Assert.Equal(Asked.Length, results.Count);
        foreach (var (request, options) in Asked)
        {
            var alone = new Sampler(model, options).Sample([request], new Seed(5))[0];
            Assert.Equal(alone.Response, results[request.Id].Response);
            Assert.Equal(alone.Finish, results[request.Id].Finish);
            for (var place = 0; place < alone.LogProbs.Length; place++)
                Assert.Equal(alone.LogProbs[place], results[request.Id].LogProbs[place], 1e-4f); // at temperature 0.5; attention over other columns rounds otherwise
        }
    }

    [Theory]
    [InlineData("gpt2", 4)]
    [InlineData("llama", 4)]
    [InlineData("llama", 7)]
    [InlineData("windowed", 5)]
    public void Long_prompts_are_read_in_pieces_between_the_tokens_of_the_others_and_change_no_draw(string family, int places)
    {
        using var model = family == "windowed" ? CausalLm.Create(TinyModel.Llama with { SlidingWindow = 6 }, new Seed(1), Compute.Cpu) : TinyModel.Create(family);
        int[] Prompt(int length, int by) => [.. Enumerable.Range(0, length).Select(place => (by * place + by) % 61)];
        SampleRequest[] requests = [new(Prompt(2, 3), 0), new(Prompt(1, 5), 1), new(Prompt(31, 7), 2), new(Prompt(22, 11), 3), new(Prompt(31, 7), 4), new(Prompt(40, 13), 5)];
        var options = new SamplingOptions { MaximumNewTokens = 24 };
        var (tokens, results) = (new int[requests.Length], new Dictionary<long, Rollout>());
        using (var engine = new DecodingEngine(model) { PromptPlaces = places })
        {
            void Submit(int k) => engine.Submit(new(requests[k], new Seed(5), options) { Drawn = _ => tokens[k]++, Finished = rollout => results.Add(rollout.Id, rollout) });
            Submit(0);
            Submit(1);
            engine.Step();
            foreach (var k in (int[])[2, 3, 4, 5])
                Submit(k);
            Assert.Equal(4, engine.Waiting);
            for (var goesOn = true; goesOn;)
            {
                var (placesBefore, tokensBefore, active) = (model.PlacesRun, tokens.ToArray(), results.Count < 2);
                goesOn = engine.Step();
                if (active)
                    Assert.InRange(model.PlacesRun - placesBefore, 0, places + requests.Length); // a piece, and a token of each row
                for (var k = 0; k < 2; k++)
                    Assert.True(tokens[k] == tokensBefore[k] + 1 || tokens[k] == options.MaximumNewTokens, $"row {k} had to wait");
            }
        }

        Assert.Equal(requests.Length, results.Count);
        foreach (var request in requests)
        {
            var alone = new Sampler(model, options).Sample([request], new Seed(5))[0];
            Assert.Equal(alone.Response, results[request.Id].Response);
            for (var place = 0; place < alone.LogProbs.Length; place++)
                Assert.Equal(alone.LogProbs[place], results[request.Id].LogProbs[place], 1e-4f); // attention over other columns rounds otherwise
        }
    }

    [Fact]
    public void A_prompt_that_is_given_up_while_it_is_read_is_read_no_further()
    {
        using var model = TinyModel.Create("llama");
        using var engine = new DecodingEngine(model) { PromptPlaces = 4 };
        var heard = 0;
        engine.Submit(new(new([3, 17], 0), new Seed(5), new() { MaximumNewTokens = 12 }));
        engine.Step();
        var given = new Decoding(new([.. Enumerable.Repeat(9, 40)], 1), new Seed(5), new() { MaximumNewTokens = 4 }) { Drawn = _ => heard++ };
        engine.Submit(given);
        engine.Step();
        Assert.Equal((2, 0), (engine.Active, engine.Waiting));
        given.Cancel();
        engine.Step();
        Assert.Equal(1, engine.Active);
        while (engine.Step())
            continue;

        Assert.Equal(0, heard);
        Assert.Equal(2 + 4 + 11, model.PlacesRun); // the first prompt, a piece of the second, and the tokens of the first but the last
    }

    [Fact]
    public void A_free_place_is_taken_at_the_next_step_and_the_work_is_that_of_the_tokens()
    {
        using var model = TinyModel.Create("llama");
        var requests = Enumerable.Range(0, 10).Select(k => new SampleRequest([k, k + 1, k + 2], k)).ToArray();
        var active = new List<int>();
        using (var engine = new DecodingEngine(model) { MaximumRows = 4 })
        {
            foreach (var request in requests)
                engine.Submit(new(request, new Seed(1), new() { MaximumNewTokens = 3 + (int)request.Id }));
            while (engine.Step())
                active.Add(engine.Active);
        }

        Assert.Equal((10 * 3) + Enumerable.Range(0, 10).Sum(k => 2 + k), model.PlacesRun); // each prompt, and each token but the last, once
        Assert.All(active.SkipLast(11), rows => Assert.InRange(rows, 3, 4)); // a row that left in this step is replaced in the next
    }

    [Fact]
    public void Tokens_are_told_as_they_are_drawn()
    {
        using var model = TinyModel.Create("gpt2");
        var (drawn, told) = (new List<DrawnToken>(), default(Rollout));
        var steps = new List<int>();
        using (var engine = new DecodingEngine(model))
        {
            engine.Submit(new(new([3, 17], 7), new Seed(2), new() { MaximumNewTokens = 6 }) { Drawn = drawn.Add, Finished = rollout => told = rollout });
            while (engine.Step())
                steps.Add(drawn.Count);
        }

        Assert.Equal([2, 3, 4, 5], steps); // the first step reads the prompt too
        Assert.Equal(told!.Response, drawn.Select(d => d.Token));
        Assert.Equal(told.LogProbs, drawn.Select(d => d.LogProb));
        Assert.Equal([null, null, null, null, null, FinishReason.Length], drawn.Select(d => d.Finish));
        Assert.All(drawn, d => Assert.Empty(d.Top));
    }

    [Fact]
    public void The_likeliest_tokens_are_those_of_the_whole_distribution()
    {
        using var model = TinyModel.Create("gpt2");
        var drawn = new List<DrawnToken>();
        using (var engine = new DecodingEngine(model))
        {
            engine.Submit(new(new([3, 17], 7), new Seed(2), new() { MaximumNewTokens = 1, Temperature = 0.7, TopK = 1 }) { TopLogProbs = 5, Drawn = drawn.Add });
            engine.Submit(new(new([3, 17], 8), new Seed(2), new() { MaximumNewTokens = 1 }) { TopLogProbs = 99, Drawn = drawn.Add });
            while (engine.Step())
                continue;
        }

        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var logits = model.Logits(model.Hidden(ModelInput.Causal([3, 17], 1, Compute.Cpu)).Select(1, 1));
        var expected = (logits / 0.7).LogSoftmax(-1).ToArray<float>();
        var order = Enumerable.Range(0, 61).OrderByDescending(id => expected[id]).ToArray();
        Assert.Equal(order[..5], drawn[0].Top.Select(top => top.Token));
        Assert.All(drawn[0].Top, top => Assert.Equal(expected[top.Token], top.LogProb, 1e-5f));
        Assert.Equal(drawn[0].LogProb, drawn[0].Top[0].LogProb); // top-k 1 draws it, with its probability under all tokens
        Assert.Equal(order, drawn[1].Top.Select(top => top.Token));
    }

    [Fact]
    public void A_cancelled_response_frees_its_place_at_once_and_is_heard_of_no_more()
    {
        using var model = TinyModel.Create("llama");
        var heard = new List<string>();
        Decoding Asked(int id) => new(new([3, 17, 42], id), new Seed(5), new() { MaximumNewTokens = 8 }) { Drawn = _ => heard.Add($"{id}"), Finished = r => heard.Add($"{id} ends at {r.Response.Length}") };
        using var engine = new DecodingEngine(model) { MaximumRows = 2 };
        var (first, second, third, fourth) = (Asked(0), Asked(1), Asked(2), Asked(3));
        foreach (var decoding in new[] { first, second, third, fourth })
            engine.Submit(decoding);
        engine.Step();
        first.Cancel();
        third.Cancel(); // which still waits
        heard.Clear();
        engine.Step();

        Assert.Equal((2, 0), (engine.Active, engine.Waiting));
        Assert.Equal(["3", "1", "3"], heard); // the fourth took the first one's place, reading its prompt and then a token with the second
        while (engine.Step())
            continue;
        Assert.Contains("1 ends at 8", heard);
        Assert.Contains("3 ends at 8", heard);
        Assert.DoesNotContain(heard, line => line.StartsWith('0') || line.StartsWith('2'));
        var alone = new Sampler(model, new() { MaximumNewTokens = 8 }).Sample([fourth.Request], new Seed(5))[0];
        var again = default(Rollout);
        engine.Submit(new(fourth.Request, new Seed(5), new() { MaximumNewTokens = 8 }) { Finished = r => again = r });
        while (engine.Step())
            continue;
        Assert.Equal(alone.Response, again!.Response); // where others were before
    }

    [Fact]
    public void A_response_without_a_token_left_fails_alone()
    {
        using var model = TinyModel.Create("gpt2");
        var banned = new SamplingOptions { MaximumNewTokens = 4, BadWords = [.. Enumerable.Range(0, 61).Select(id => new[] { id })] };
        var (failure, finished) = (default(RunFailedException), 0);
        using var engine = new DecodingEngine(model);
        engine.Submit(new(new([3], 0), new Seed(1), banned) { Failed = e => failure = e, Finished = _ => finished += 100 });
        engine.Submit(new(new([3], 1), new Seed(1), new() { MaximumNewTokens = 4 }) { Finished = _ => finished++ });
        while (engine.Step())
            continue;

        Assert.Equal("the bans leave request 0 no token after 0 tokens, expected one that may be drawn; ban less, or let an end token end it", failure!.Message);
        Assert.Equal(1, finished);
        engine.Submit(new(new([3], 2), new Seed(1), banned));
        Assert.Throws<RunFailedException>(() => engine.Step());
    }

    [Fact]
    public void Logits_that_are_not_finite_fail_or_are_made_numbers_as_asked()
    {
        using var model = TinyModel.Create("llama");
        using (TensorScope.Begin())
        using (Autograd.NoGrad())
            model.NamedParameters().Single(p => p.Name == "head.weight").Parameter.Value.Narrow(0, 4, 1).FillInPlace(double.NaN); // of one token
        var failures = new List<string>();
        var drawn = new List<DrawnToken>();
        using var engine = new DecodingEngine(model);
        engine.Submit(new(new([3], 0), new Seed(1), new() { MaximumNewTokens = 3 }) { Failed = e => failures.Add(e.Message) });
        engine.Submit(new(new([3], 1), new Seed(1), new() { MaximumNewTokens = 3, RemoveInvalid = true }) { Failed = e => failures.Add(e.Message), Drawn = drawn.Add });
        while (engine.Step())
            continue;

        Assert.StartsWith("the logits of request 0 are not finite", Assert.Single(failures), StringComparison.Ordinal);
        Assert.Equal(3, drawn.Count);
        Assert.All(drawn, d => Assert.True(float.IsFinite(d.LogProb)));
    }

    [Fact]
    public void What_a_failed_row_leaves_behind_does_not_reach_the_next_in_its_place()
    {
        using var model = TinyModel.Create("llama");
        using (TensorScope.Begin())
        using (Autograd.NoGrad())
            model.NamedParameters().Single(p => p.Name == "embed.weight").Parameter.Value.Narrow(0, 5, 1).FillInPlace(double.NaN); // keys and values of token 5 are none
        var options = new SamplingOptions { MaximumNewTokens = 8, BadWords = [[5]] };
        var (failed, next) = (0, default(Rollout));
        using (var engine = new DecodingEngine(model) { MaximumRows = 2 })
        {
            engine.Submit(new(new([.. Enumerable.Repeat(3, 20)], 0), new Seed(1), options));
            engine.Submit(new(new([.. Enumerable.Repeat(5, 20)], 1), new Seed(1), options) { Failed = _ => failed++ });
            engine.Submit(new(new([7, 8], 2), new Seed(1), options) { Finished = rollout => next = rollout }); // waits for the second one's place
            while (engine.Step())
                continue;
        }

        Assert.Equal(1, failed);
        Assert.Equal(new Sampler(model, options).Sample([new([7, 8], 2)], new Seed(1))[0].Response, next!.Response);
    }

    [Fact]
    public void Prompts_and_settings_that_make_no_sense_are_refused_as_they_are_submitted()
    {
        using var model = TinyModel.Create("gpt2");
        using var engine = new DecodingEngine(model);
        string Refusal(int[] prompt, SamplingOptions options) => Assert.Throws<ArgumentException>(() => engine.Submit(new(new(prompt, 9), new Seed(1), options))).Message;

        Assert.Contains("request 9 has an empty prompt", Refusal([], new()), StringComparison.Ordinal);
        Assert.Contains("request 9 has token 61 at place 1, expected 0 to 60", Refusal([3, 61], new() { MaximumNewTokens = 4 }), StringComparison.Ordinal);
        Assert.Contains("the model has 64 positions", Refusal([3], new() { MaximumNewTokens = 64 }), StringComparison.Ordinal);
        Assert.Contains("topP is 7", Refusal([3], new() { TopP = 7 }), StringComparison.Ordinal);
        Assert.Contains("stop strings need a tokenizer's bytes", Assert.Throws<ArgumentException>(() => new Decoding(new([3], 0), new Seed(1), new() { StopStrings = ["x"] })).Message, StringComparison.Ordinal);
        Assert.Equal(0, engine.Waiting);
        Assert.False(engine.Step());
    }
}
