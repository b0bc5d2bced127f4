using Attune.Models;
using Attune.Rewards;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>Every trainer with an adapter in place of the weights.</summary>
[NoTensorLeaks]
public sealed class AdapterTrainingTests : IDisposable
{
    private static readonly AdapterSettings Adapter = new() { Rank = 8, Alpha = 16 };

    private readonly TinyText _tiny = new();
    private readonly TinyPpoStage _ppo = new();
    private readonly TinyRewardStage _reward = new();

    public void Dispose()
    {
        _tiny.Dispose();
        _ppo.Dispose();
        _reward.Dispose();
    }

    private LanguageModelResult? Sft(SftRecipe recipe, string name = "run", bool resume = false, int? stopAfter = null) =>
        _tiny.Run(recipe, FineTuning.Run, recipe.Run, name, resume, stopAfter);

    /// <summary>Random weights so large that its layers, which are all that an adapter moves, can say something.</summary>
    private string LargeModel() => _tiny.Model(shape: _tiny.Pretrain.Model with { InitializerRange = 0.4 });

    [Fact]
    public void Fine_tuning_learns_and_leaves_an_adapter_and_the_base_as_it_was()
    {
        var folder = LargeModel();
        var before = File.ReadAllBytes(Path.Combine(folder, "model.safetensors"));
        var recipe = _tiny.Sft with { Adapter = Adapter, Validation = _tiny.Sft.Data };

        var first = Sft(recipe with { Sft = recipe.Sft with { Steps = 1, LearningRate = 1e-12 } }, "nothing")!;
        var result = Sft(recipe)!;

        Assert.True(result.ValidationLoss < 0.4 * first.ValidationLoss, $"{first.ValidationLoss:0.000} to {result.ValidationLoss:0.000}");
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.False(File.Exists(_tiny.At("run/model/model.safetensors")));
        Assert.True(File.Exists(_tiny.At("run/model/tokenizer.json")));
        var again = Sft(recipe with { From = _tiny.At("run/model"), Adapter = null, Sft = recipe.Sft with { Steps = 1, LearningRate = 1e-12 } }, "again")!;
        Assert.Equal(result.ValidationLoss, again.ValidationLoss, 1e-4); // merged into its base: the same to rounding
    }

    [Fact]
    public void Fine_tuning_with_dropout_is_the_same_resumed_recomputed_and_in_other_micro_batches()
    {
        _tiny.Model();
        var recipe = _tiny.Sft with { Adapter = Adapter with { Dropout = 0.2, RankStabilised = true }, Sft = _tiny.Sft.Sft with { Steps = 9 } };
        var straight = Sft(recipe, "straight");

        Assert.Null(Sft(recipe, "stopped", stopAfter: 4));
        Assert.Equal(straight, Sft(recipe, "stopped", resume: true));
        Assert.Equal(_tiny.Left("straight"), _tiny.Left("stopped"));

        var recomputed = Sft(recipe with { Sft = recipe.Sft with { Checkpointing = true } }, "recomputed")!;
        Assert.Equal(straight!.TrainingLoss, recomputed.TrainingLoss, 1e-5);
        var other = Sft(recipe with { Sft = recipe.Sft with { MicroBatch = 3 } }, "other")!;
        Assert.Equal(straight.TrainingLoss, other.TrainingLoss, 1e-4); // rounding of sums alone: another mask would move the second digit
        var none = Sft(recipe with { Adapter = Adapter with { RankStabilised = true } }, "none")!;
        Assert.True(Math.Abs(none.TrainingLoss - straight.TrainingLoss) > 1e-3);
    }

    [Fact]
    public void A_run_does_not_go_on_beside_other_weights_than_it_began_with()
    {
        _tiny.Model();
        var sft = _tiny.Sft with { Adapter = Adapter, Sft = _tiny.Sft.Sft with { Steps = 6 } };
        Assert.Null(Sft(sft, stopAfter: 4));
        var reward = _reward.Recipe(new PreferenceSource { Path = _reward.Pairs(200) }) with { Adapter = Adapter };
        Assert.Null(_reward.Run(reward, stopAfter: 4));
        Assert.Null(_ppo.Run(Ppo, stopAfter: 2));
        Assert.Null(_ppo.Run(_ppo.Recipe, "whole", stopAfter: 2));

        foreach (var folder in new[] { _tiny.At("model"), _reward.Model, _ppo.At("policy") })
            Halve(folder);

        void Refused(string[] keys, Action resume)
        {
            var error = Assert.Throws<InputException>(resume);
            Assert.Equal(keys, error.Problems.Select(p => p.Key));
            Assert.All(error.Problems, p => Assert.Matches("^is [0-9]+, expected [0-9]+; the weights of the (base|reference) have changed since the run began: put back the model's folder as it was, or begin a new run$", p.Message));
        }

        Refused(["base"], () => Sft(sft, resume: true));
        Refused(["base"], () => _reward.Run(reward, isResumed: true));
        Refused(["base", "reference"], () => _ppo.Run(Ppo, resume: true));
        Refused(["reference"], () => _ppo.Run(_ppo.Recipe, "whole", resume: true));
    }

    /// <summary>Every weight of a model folder becomes half of what it was; the rest stays.</summary>
    private static void Halve(string folder)
    {
        using var scope = TensorScope.Begin();
        var path = Path.Combine(folder, "model.safetensors");
        SafetensorsItem[] items;
        using (var file = SafetensorsFile.Open(path))
            items = [.. file.Entries.Select(e => SafetensorsItem.Of(e.Name, file.ReadTensor(e.Name) * 0.5))];
        SafetensorsWriter.Write(path, items, SafetensorsWriter.PyTorchMetadata);
    }

    [Fact]
    public void Pretraining_goes_on_with_an_adapter_where_there_is_a_model()
    {
        var recipe = _tiny.Pretrain with { From = LargeModel(), Adapter = Adapter, Pretrain = _tiny.Pretrain.Pretrain with { Steps = 30 } };
        var nothing = recipe with { Pretrain = recipe.Pretrain with { Steps = 1, LearningRate = 1e-12 } };

        var before = _tiny.Run(nothing, Pretraining.Run, recipe.Run, "nothing")!;
        var result = _tiny.Run(recipe, Pretraining.Run, recipe.Run)!;

        Assert.True(result.ValidationLoss < 0.5 * before.ValidationLoss, $"{before.ValidationLoss:0.000} to {result.ValidationLoss:0.000}");
        Assert.True(File.Exists(_tiny.At("run/model/adapter_config.json")));
        Assert.Equal("adapter", Assert.Single((recipe with { From = null }).Check()).Key);
    }

    [Fact]
    public void Pretraining_with_dropout_goes_on_to_the_bit()
    {
        var recipe = _tiny.Pretrain with { From = LargeModel(), Adapter = Adapter with { Dropout = 0.2, RankStabilised = true }, Pretrain = _tiny.Pretrain.Pretrain with { Steps = 9 } };

        _tiny.Run(recipe, Pretraining.Run, recipe.Run, "straight");
        Assert.Null(_tiny.Run(recipe, Pretraining.Run, recipe.Run, "stopped", stopAfter: 4));
        _tiny.Run(recipe, Pretraining.Run, recipe.Run, "stopped", resume: true);

        Assert.Equal(_tiny.Left("straight"), _tiny.Left("stopped"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_reward_model_learns_and_goes_on_to_the_bit(bool drops)
    {
        var recipe = _reward.Recipe(new PreferenceSource { Path = _reward.Pairs(300) }) with { Adapter = Adapter with { Dropout = drops ? 0.05 : 0 } };
        recipe = recipe with { Reward = recipe.Reward with { LearningRate = 1e-2 } };

        var straight = _reward.Run(recipe, "straight")!;
        Assert.Null(_reward.Run(recipe, "stopped", stopAfter: 5));
        Assert.NotNull(_reward.Run(recipe, "stopped", isResumed: true));

        Assert.True(straight.Accuracy.Share >= 0.9, $"accuracy {straight.Accuracy.Share}");
        foreach (var file in new[] { "model/adapter_model.safetensors", "model/adapter_config.json", "model/reward_scale.json", "metrics.jsonl", "evaluation.jsonl" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(_reward.Path("straight"), file)), File.ReadAllBytes(Path.Combine(_reward.Path("stopped"), file)));
        using var model = RewardModel.Load(Path.Combine(_reward.Path("straight"), "model"), Compute.Cpu);
        Assert.Equal(HeadKind.Score, model.Trunk.Config.Head);
    }

    [Fact]
    public void A_reward_model_that_goes_on_keeps_its_head_and_gets_an_adapter()
    {
        var recipe = _reward.Recipe(new PreferenceSource { Path = _reward.Pairs(300) });
        var first = _reward.Run(recipe, "first")!;
        var again = recipe with
        {
            From = null,
            Continue = Path.Combine(_reward.Path("first"), "model"),
            Adapter = Adapter,
            Reward = recipe.Reward with { LearningRate = 1e-9 },
            Normalise = recipe.Normalise with { Reference = _reward.Model },
        };

        var second = _reward.Run(again, "second")!;

        Assert.Equal(first.Accuracy.Share, second.Accuracy.Share, 1e-9); // nothing was learnt, and nothing lost
        using var loaded = RewardModel.Load(Path.Combine(_reward.Path("second"), "model"), Compute.Cpu);
    }

    private PpoRecipe Ppo => _ppo.Recipe with { Adapter = Adapter };

    /// <summary>A reward model that is an adapter on the policy.</summary>
    private string Judge(string name = "judge-adapter")
    {
        using var policy = TextModel.Load(_ppo.At("policy"), Compute.Cpu);
        var adapter = LoraAdapter.Create(policy.Model.Config, Adapter, new Seed(7), Compute.Cpu);
        using var model = RewardModel.On(policy.Model, adapter, ScalarHead.ForReward(policy.Model.Config.Width, new Seed(9), Compute.Cpu), takesTrunk: false);
        model.Save(_ppo.At(name), new() { AddFiles = policy.Tokenizer.Save });
        return _ppo.At(name);
    }

    [Fact]
    public void A_policy_learns_what_pays()
    {
        var result = _ppo.Run(Ppo with { Ppo = Ppo.Ppo with { Steps = 30, PromptsPerStep = 16, LearningRate = 2e-2 } })!;

        Assert.True(result.Last.Score > result.First.Score + 0.2, string.Join(' ', _ppo.Metrics().Select(m => $"{m.Values["objective/score"]:0.00}/{m.Values["objective/kl"]:0.0}")));
        Assert.InRange(result.First.Kl, -0.5, 50);
        Assert.True(File.Exists(_ppo.At("run/model/adapter_model.safetensors")));
        Assert.InRange(_ppo.Metrics()[0].Values["objective/kl"], -1e-3, 1e-3); // the reference is the base, which a fresh adapter equals
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Stopped_and_resumed_it_ends_bit_equal(int stopAfter)
    {
        var recipe = _ppo.Whole with { Adapter = Adapter };
        recipe = recipe with { Rewards = [.. recipe.Rewards.Select(part => part.Model is null ? part : part with { Model = Judge() })] };

        _ppo.Run(recipe, "straight");
        Assert.Null(_ppo.Run(recipe, "stopped", stopAfter: stopAfter));
        _ppo.Run(recipe, "stopped", resume: true);

        Assert.Equal(_ppo.Left("straight"), _ppo.Left("stopped"));
    }

    [Fact]
    public void Policy_reference_critic_and_reward_hold_one_copy_of_the_weights()
    {
        using var scope = TensorScope.Begin();
        var recipe = Ppo with
        {
            Rewards = [new() { Model = Judge() }],
            Ppo = Ppo.Ppo with { Critic = CriticKind.Separate, ValueStart = ValueStart.RewardModel },
        };
        var before = TorchRuntime.LiveTensors;
        using var inputs = PpoInputs.Open(recipe, new Seed(1), MemoryBudget.For(Device.Cpu, SilentProgress.Instance));
        var opened = TorchRuntime.LiveTensors - before;

        var trunk = inputs.Policy.Model.Base!;
        var adapter = inputs.Policy.Model.Adapter!.Parameters.Count();
        Assert.Same(trunk, inputs.Models.Reference);
        Assert.Same(trunk, inputs.Models.Critic!.Base);
        Assert.Same(trunk, inputs.Reward.Models.Single().Trunk.Base);
        // one model with its rotary frequencies, three adapters (policy, critic, reward), two heads of a weight and a bias
        Assert.Equal(trunk.Parameters.Count() + 1 + (3 * adapter) + 4, opened);
        Assert.All(trunk.Parameters, p => Assert.False(p.IsTrained));
        Assert.Equal(inputs.Reward.Models.Single().Head.Parameters.First().Value.ToArray<float>(), inputs.Models.ValueHead.Parameters.First().Value.ToArray<float>());
    }

    [Theory]
    [InlineData(ValueStart.Zero, false)]
    [InlineData(ValueStart.RewardModel, false)]
    [InlineData(ValueStart.Zero, true)]
    [InlineData(ValueStart.RewardModel, true)]
    public void A_critic_of_its_own_recomputes_as_the_policy_does(ValueStart start, bool isAdapted)
    {
        using var scope = TensorScope.Begin();
        var recipe = (isAdapted ? Ppo : _ppo.Recipe) with { Rewards = [new() { Model = Judge() }] };
        recipe = recipe with { Ppo = recipe.Ppo with { Critic = CriticKind.Separate, ValueStart = start, Checkpointing = true } };
        using var inputs = PpoInputs.Open(recipe, new Seed(1), MemoryBudget.For(Device.Cpu, SilentProgress.Instance));

        Assert.True(inputs.Models.Policy.UsesCheckpointing);
        Assert.True(inputs.Models.Critic!.UsesCheckpointing);
    }

    [Fact]
    public void The_policy_that_sets_a_reward_models_scale_is_its_own_base_and_not_read_again()
    {
        using var scope = TensorScope.Begin();
        var recipe = _reward.Recipe(new PreferenceSource { Path = _reward.Pairs(40) }) with { Adapter = Adapter };
        var inputs = RewardInputs.Read(recipe, new Seed(1), MemoryBudget.Now(), SilentProgress.Instance, default);
        var data = recipe.Data with { Longest = inputs.Config.MaximumPositions };
        using var trunk = CausalLm.Load(_reward.Model, Compute.Cpu);
        using var view = trunk.With(LoraAdapter.Create(trunk.Config, Adapter, new Seed(1), Compute.Cpu));
        int[][] Answers(CausalLm model) => [.. inputs.References.Sequences(inputs.Tokenizer, data, model, new Seed(2), default)];

        var read = Answers(trunk); // of no adapter's view: read from the folder
        File.Delete(Path.Combine(_reward.Model, "model.safetensors"));

        Assert.Equal(read, Answers(view));
        Assert.Throws<InputException>(() => Answers(trunk));
    }

    [Fact]
    public void What_shares_the_policys_base_is_foreseen_as_an_adapter()
    {
        var dtype = DType.Float32;
        var config = HuggingFaceFolder.ReadConfig(_ppo.At("policy"));
        var (own, beside) = (_ppo.RewardModelFolder(), Judge());
        long Bytes(PpoRecipe recipe) => PpoInputs.Memory(config, recipe, dtype, prompts: null);
        var with = Ppo with { Rewards = [.. Ppo.Rewards, new() { Model = own }] };
        var shared = Ppo with { Rewards = [.. Ppo.Rewards, new() { Model = beside }] };

        Assert.Equal(MemoryEstimate.Weights(config with { Head = HeadKind.Score }, dtype), Bytes(with) - Bytes(Ppo));
        Assert.Equal(MemoryEstimate.Learned(config, dtype, Adapter), Bytes(shared) - Bytes(Ppo));
        Assert.Equal(MemoryEstimate.Weights(config with { Head = HeadKind.Score }, dtype), Bytes(shared with { Adapter = null }) - Bytes(_ppo.Recipe)); // merged into a copy of its own
        Assert.Equal(MemoryEstimate.Weights(config with { Head = HeadKind.Score }, dtype), Bytes(_ppo.Recipe with { Critic = own }) - Bytes(_ppo.Recipe));
    }

    [Fact]
    public void Setting_the_scale_is_foreseen_where_it_takes_more_than_training()
    {
        var recipe = _reward.Recipe(new PreferenceSource { Path = _reward.Pairs(40) }) with { Reward = new() { BatchSize = 1, MicroBatchSequences = 1 } };
        long Bytes(RewardRecipe asked) => RewardInputs.Read(asked, new Seed(1), MemoryBudget.Now(), SilentProgress.Instance, default).MemoryBytes;
        RewardRecipe Sampling(int samples) => recipe with { Normalise = recipe.Normalise with { Samples = samples, NewTokens = 40 } };

        Assert.True(Bytes(Sampling(64)) > Bytes(Sampling(0)));
        Assert.True(Bytes(Sampling(64)) > Bytes(Sampling(32)));
        var shared = Bytes(Sampling(64) with { Adapter = Adapter });
        using var elsewhere = new TinyRewardStage();
        Assert.Equal(MemoryEstimate.Weights(HuggingFaceFolder.ReadConfig(_reward.Model), DType.Float32),
            Bytes(Sampling(64) with { Adapter = Adapter, Normalise = Sampling(64).Normalise with { Reference = elsewhere.Model } }) - shared);
    }

    [Fact]
    public void Every_stage_learns_beside_4_bit_weights_and_goes_on_to_the_bit()
    {
        var packed = Adapter with { BaseBits = 4 };
        LargeModel();
        var sft = _tiny.Sft with { Adapter = packed, Validation = _tiny.Sft.Data };
        var first = Sft(sft with { Sft = sft.Sft with { Steps = 1, LearningRate = 1e-12 } }, "nothing")!;
        var result = Sft(sft)!;
        Assert.True(result.ValidationLoss < 0.4 * first.ValidationLoss, $"{first.ValidationLoss:0.000} to {result.ValidationLoss:0.000}");

        var reward = _reward.Recipe(new PreferenceSource { Path = _reward.Pairs(300) }) with { Adapter = packed };
        Assert.True(_reward.Run(reward with { Reward = reward.Reward with { LearningRate = 1e-2 } })!.Accuracy.Share >= 0.9);

        var ppo = Ppo with { Adapter = packed, Rewards = [.. Ppo.Rewards, new() { Model = Judge(), Weight = 0.5 }], Ppo = Ppo.Ppo with { Steps = 4, Checkpointing = true } };
        _ppo.Run(ppo, "straight");
        Assert.Null(_ppo.Run(ppo, "stopped", stopAfter: 2));
        _ppo.Run(ppo, "stopped", resume: true);
        Assert.Equal(_ppo.Left("straight"), _ppo.Left("stopped"));
    }

    [Fact]
    public void What_would_break_one_copy_or_the_first_ratio_is_refused()
    {
        var other = Ppo with { Rewards = [new() { Model = _ppo.RewardModelFolder() }], Ppo = Ppo.Ppo with { Critic = CriticKind.Separate, ValueStart = ValueStart.RewardModel } };
        var error = Assert.Throws<InputException>(() => _ppo.Run(other));
        Assert.Equal("ppo.valueStart", Assert.Single(error.Problems).Key);

        Assert.Equal("adapter.dropout", Assert.Single((Ppo with { Adapter = Adapter with { Dropout = 0.1 } }).Check()).Key);
        error = Assert.Throws<InputException>(() => _ppo.Run(Ppo with { Adapter = Adapter with { Targets = ["c_attn"] } }, "other"));
        Assert.Equal("adapter.targets[0]", Assert.Single(error.Problems).Key);
        Assert.False(Directory.Exists(_ppo.At("other/model")));
    }

    [Fact]
    public void An_adapter_section_is_read_from_a_recipe()
    {
        var path = _tiny.Write("sft.yaml", "from: model\ndata: [{path: d.jsonl, format: prompts}]\nadapter:\n  rank: 4\n  alpha: 8\n  targets: [q_proj, v_proj]\n  dropout: 0.05\n  rankStabilised: true\n");
        var recipe = Recipe.Load<SftRecipe>(path, []);
        Assert.Equal((4, 8, 0.05, true), (recipe.Adapter!.Rank, recipe.Adapter.Alpha, recipe.Adapter.Dropout, recipe.Adapter.RankStabilised));
        Assert.Equal(["q_proj", "v_proj"], recipe.Adapter.Targets);

        var error = Assert.Throws<InputException>(() => Recipe.Load<SftRecipe>(path, ["--adapter.rank", "0", "--adapter.dropout", "1"]));
        Assert.Equal(["adapter.rank", "adapter.dropout"], error.Problems.Select(p => p.Key));
    }
}
