using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class FineTuningTests : IDisposable
{
    private readonly TinyText _tiny = new();

    public FineTuningTests() => _tiny.Model();

    public void Dispose() => _tiny.Dispose();

    private LanguageModelResult? Run(SftRecipe recipe, string name = "run", bool resume = false, int? stopAfter = null, IProgressSink? progress = null) =>
        _tiny.Run(recipe, FineTuning.Run, recipe.Run, name, resume, stopAfter, progress);

    /// <summary>One step so small that the model stays as it was.</summary>
    private static LanguageModelConfig Measured => new() { Steps = 1, LearningRate = 1e-12, WarmUpSteps = 0, Batch = 4, MicroBatch = 3 };

    [Fact]
    public void Responses_are_learned_far_beyond_the_frequency_of_their_tokens()
    {
        var result = Run(_tiny.Sft with { Validation = _tiny.Sft.Data, Sft = _tiny.Sft.Sft with { Steps = 70, ValidateEvery = 100 } })!;

        var tokenizer = Tokenizer.Load(_tiny.At("model"));
        var ids = _tiny.Sft.Data.Single().PromptResponses().Single().SelectMany(pair => tokenizer.Encode(pair.Response).Append(tokenizer.EndId!.Value)).ToArray();
        var baseline = ids.GroupBy(id => id).Sum(group => -group.Count() * Math.Log((double)group.Count() / ids.Length)) / ids.Length;
        Assert.InRange(result.ValidationLoss, 0, 0.5 * baseline);
        Assert.Equal((ids.Length, ids.Length), (result.Tokens, result.ValidationTokens)); // responses and their ends alone
    }

    [Fact]
    public void Packed_rows_have_the_loss_of_padded_ones()
    {
        var packed = Run(_tiny.Sft with { Validation = _tiny.Sft.Data, Sft = Measured }, "packed")!;
        var padded = Run(_tiny.Sft with { Validation = _tiny.Sft.Data, Sft = Measured, Packed = false }, "padded")!;

        Assert.True(packed.Rows < padded.Rows);
        Assert.Equal((32, padded.Tokens), (padded.Rows, packed.Tokens));
        Assert.Equal(padded.ValidationLoss, packed.ValidationLoss, 1e-5); // float32 sums in another order
    }

    [Fact]
    public void Conversations_are_learned_like_prompts()
    {
        var chat = _tiny.Write("chat.jsonl", """{"messages":[{"role":"user","content":"?"},{"role":"assistant","content":"on the mat ."}]}""" + "\n");
        var recipe = _tiny.Sft with { Data = [new() { Path = chat, Format = DataFormat.Messages }, .. _tiny.Sft.Data], Rows = new() { Longest = 64 } };

        var plan = FineTuning.Plan(recipe, SilentProgress.Instance, default);

        var one = FineTuning.Plan(recipe with { Data = [recipe.Data[0]], Rows = new() { Longest = 64 } }, SilentProgress.Instance, default);
        Assert.Contains("⟦ on the mat .<|endoftext|>⟧", LossRendering.Of(one.Rows, 0, one.Tokenizer));
        Assert.Equal(one.Rows.LossTokens + FineTuning.Plan(_tiny.Sft, SilentProgress.Instance, default).Rows.LossTokens, plan.Rows.LossTokens);
    }

    [Fact]
    public void A_conversation_is_taught_to_end_as_the_tokenizer_says()
    {
        var recipe = OtherEnd();

        var plan = FineTuning.Plan(recipe, SilentProgress.Instance, default);

        Assert.Contains("⟦ on the mat .<|im_end|>⟧", LossRendering.Of(plan.Rows, 0, plan.Tokenizer));
        Assert.Contains(plan.Tokenizer.EndId!.Value, plan.Rows.Ids.ToArray());
    }

    [Fact]
    public void An_end_of_a_conversation_that_ends_no_sampled_answer_is_refused()
    {
        var recipe = OtherEnd();
        var template = _tiny.Write("letters.jinja", "{% for m in messages %}{{ m.role }}:{% generation %}{{ m.content }}.{% endgeneration %}{% endfor %}");

        var refused = Assert.Throws<InputException>(() => FineTuning.Plan(recipe with { Rows = recipe.Rows with { Chat = template } }, SilentProgress.Instance, default));

        Assert.Matches($"^ends answers with \"\\.\" \\(id \\d+\\), expected one of the tokens that end an answer of {System.Text.RegularExpressions.Regex.Escape(recipe.From)}: 0; name it as eos_token_id in its generation_config.json, or choose another template$",
            Assert.Single(refused.Problems, problem => problem.Key == "rows.chat").Message);
        Assert.NotNull(FineTuning.Plan(recipe with { Rows = recipe.Rows with { AddEnd = false, Chat = template } }, SilentProgress.Instance, default));
    }

    [Fact]
    public void A_model_keeps_the_template_that_it_was_taught_with()
    {
        var template = _tiny.Write("mine.jinja", "{% for m in messages %}{{ m.role }}:{% generation %}{{ m.content + eos_token }}{% endgeneration %}{% endfor %}");
        var recipe = OtherEnd();

        var plan = FineTuning.Plan(recipe with { Rows = recipe.Rows with { Chat = template } }, SilentProgress.Instance, default);

        Assert.Equal(File.ReadAllText(template), plan.Tokenizer.ChatTemplate);
        Assert.Equal(Attune.Text.ChatTemplate.Transcript.Source, FineTuning.Plan(recipe, SilentProgress.Instance, default).Tokenizer.ChatTemplate);
        Assert.Null(FineTuning.Plan(_tiny.Sft, SilentProgress.Instance, default).Tokenizer.ChatTemplate); // no conversation was learned
    }

    [Fact]
    public void An_end_token_that_ends_no_sampled_answer_is_refused()
    {
        new GenerationConfig { EndIds = [7, 9] }.Write(_tiny.At("model"));

        var refused = Assert.Throws<InputException>(() => FineTuning.Plan(_tiny.Sft, SilentProgress.Instance, default));

        Assert.Equal(new Problem("rows.addEnd", $"is true, which ends answers with <|endoftext|> (id 0), expected one of the tokens that end an answer of {_tiny.At("model")}: 7, 9; name it as eos_token_id in its generation_config.json, or set rows.addEnd to false"),
            Assert.Single(refused.Problems));
    }

    /// <summary>A conversation, for a model whose only added token is another than the usual.</summary>
    private SftRecipe OtherEnd()
    {
        var tokenizer = BpeTrainer.Train(TinyText.Sentences(240, 1), new() { VocabularySize = 300, AddedTokens = ["<|im_end|>"], Roles = new() { End = "<|im_end|>" } });
        using (var text = new TextModel(CausalLm.Create(_tiny.Pretrain.Model.ToConfig(tokenizer.VocabularySize, tokenizer.EndId, padId: null, DType.Float32), new Seed(1), Compute.Cpu), tokenizer))
            text.Save(_tiny.At("other"));
        var chat = _tiny.Write("chat.jsonl", """{"messages":[{"role":"user","content":"?"},{"role":"assistant","content":"on the mat ."}]}""" + "\n");
        return _tiny.Sft with { From = _tiny.At("other"), Data = [new() { Path = chat, Format = DataFormat.Messages }] };
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void Stopped_and_resumed_is_straight_through_to_the_bit(int stopAfter)
    {
        var recipe = _tiny.Sft with { Sft = _tiny.Sft.Sft with { Steps = 11 }, Validation = _tiny.Sft.Data };
        var straight = Run(recipe, "straight");

        Assert.Null(Run(recipe, "stopped", stopAfter: stopAfter));
        var resumed = Run(recipe, "stopped", resume: true);

        Assert.Equal(straight, resumed);
        Assert.Equal(_tiny.Left("straight"), _tiny.Left("stopped"));
    }

    [Fact]
    public void A_loss_that_is_no_number_stops_the_run_with_its_step_and_keeps_what_was_saved()
    {
        var recipe = _tiny.Sft with { Sft = _tiny.Sft.Sft with { LearningRate = 1e15, Schedule = Torch.Optimisers.ScheduleShape.Constant, WarmUpSteps = 0 }, Run = new() { CheckpointEvery = 1 } };

        var message = Assert.Throws<RunFailedException>(() => Run(recipe)).Message;

        Assert.Matches(@"^step \d+: the loss is \S+ and the gradient's length (NaN|∞|Infinity), expected finite numbers; begin anew with a lower learning rate than 1E\+15", message);
        var failed = int.Parse(message.Split(':')[0][5..]);
        Assert.Equal(failed, Checkpoints.Latest(_tiny.At("run"))!.Step); // of the one step that went well; see ReplacedRunTests for several
        Assert.Equal(failed, MetricsLog.Read(Attune.Runs.Run.MetricsPath(_tiny.At("run"))).Count);
        Assert.False(Directory.Exists(Path.Combine(_tiny.At("run"), "model")));
    }

    [Fact]
    public void All_that_is_wrong_with_the_input_is_listed_and_no_folder_is_left()
    {
        var bad = _tiny.Write("bad.jsonl", "{\"prompt\":\"a\",\"response\":\"b\"}\n{\"prompt\":\"a\"\n");
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(_tiny.At("model"), "tokenizer_config.json")))!;
        config.AsObject().Remove("eos_token");
        File.WriteAllText(Path.Combine(_tiny.At("model"), "tokenizer_config.json"), config.ToJsonString());
        var recipe = _tiny.Sft with
        {
            Rows = new() { Longest = 4096 },
            Data = [new() { Path = bad, Format = DataFormat.Prompts }],
            Validation = [new() { Path = _tiny.At("*.gz"), Format = DataFormat.Messages }],
        };

        var problems = Assert.Throws<InputException>(() => Run(recipe)).Problems;

        Assert.Equal(["rows.longest", "rows.addEnd", $"{bad} line 2, byte 43", _tiny.At("*.gz")], problems.Select(p => p.Key));
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [Fact]
    public void Weights_that_are_broken_off_are_found_before_the_first_step()
    {
        var weights = Path.Combine(_tiny.At("model"), "model.safetensors");
        File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..1000]);

        Assert.Throws<InputException>(() => Run(_tiny.Sft));

        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [Fact]
    public void Too_little_memory_is_refused_with_the_key_that_helps()
    {
        var recipe = _tiny.Sft;

        var message = Assert.Throws<InputException>(() => _tiny.Run(recipe, (r, run, stop) => FineTuning.Run(r, run, new(100 << 20, 1 << 30), stop), recipe.Run)).Message;

        Assert.Matches(@"memory  needs about 29\d MiB of memory, expected at most the 100 MiB available; lower sft.microBatch \(now 4\)", message);
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [Fact]
    public void Rows_that_were_cut_or_left_out_are_warned_about_and_none_left_is_a_problem()
    {
        var told = new Tests.Runs.RecordedProgress();
        Run(_tiny.Sft with { Rows = new() { Longest = 12 }, Sft = Measured, Packed = false }, progress: told);

        Assert.Contains(told.Warnings, line => line.Contains("rows were cut and") && line.EndsWith("being longer than 12 tokens"));
        Assert.Equal(["data"], Assert.Throws<InputException>(() => Run(_tiny.Sft with { Rows = new() { Longest = 2 } }, "none")).Problems.Select(p => p.Key));
    }

    [Fact]
    public void Doubtful_settings_are_warned_about()
    {
        var path = Path.Combine(_tiny.At("model"), "tokenizer_config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("<|padding|>", "<|endoftext|>"));

        var warnings = FineTuning.Plan(_tiny.Sft with { Rows = new() { Longest = 64, AddEnd = false } }, SilentProgress.Instance, default).Warnings;

        Assert.Contains(warnings, line => line.StartsWith("padding and end are the same token"));
        Assert.Contains("rows.addEnd is false: the model does not learn to end its responses", warnings);
    }
}
