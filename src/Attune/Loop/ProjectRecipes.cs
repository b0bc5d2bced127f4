using Attune.Runs;

namespace Attune.Loop;

/// <summary>The recipes of a new project, with comments. Paths are relative to the project's folder, but for what comes with Attune.</summary>
internal static class ProjectRecipes
{
    /// <summary>Most tokens of an answer.</summary>
    public const int AnswerTokens = 32;

    public static string Sft(string model, int longest) => $$"""
        # Supervised fine-tuning: from examples the model learns what is asked of it, and to end its answers.
        #   attune sft recipes/sft.yaml --out runs/sft
        seed: 1
        from: {{Text(model)}}
        data:
          - path: demonstrations.jsonl # a line: {"prompt": "...", "response": "..."}
            format: prompts            # or messages, for conversations
        validation:
          - path: demonstrations-heldout.jsonl
            format: prompts
        rows:
          longest: {{longest}}         # tokens; the model reads no more at once
          overlong: cut-end            # or cut-start, drop
        packed: false                  # true puts several short rows into one: less padding, fewer steps
        sft:
          batch: 8
          microBatch: 8                # costs memory, changes no result
          epochs: 3
          learningRate: 0.0005
          warmUpSteps: 3
          validateEvery: 10
        run:
          checkpointEvery: 50

        """;

    public static string Reward(int longest) => $$"""
        # A reward model: learns to score higher what people preferred. The examples prefer an answer that was written for its prompt.
        #   attune reward recipes/reward.yaml --out runs/reward
        seed: 1
        from: runs/sft/model
        preferences:
          - path: preferences.jsonl    # a line: {"prompt": "...", "chosen": "...", "rejected": "..."}; also pChosen, judges, strength
        evaluation:
          - path: preferences-heldout.jsonl
        data:
          longest: {{longest}}
        reward:
          epochs: 1                    # more of them soon learn by heart
          batchSize: 8
          microBatchSequences: 16
          learningRate: 0.0003
          warmUpSteps: 2
        normalise:                     # answers of the fine-tuned model shall score 0 on average, with deviation 1
          samples: 32
          newTokens: {{AnswerTokens}}
        run:
          checkpointEvery: 50

        """;

    public static string Ppo(int longest) => $$"""
        # PPO: the model tries answers; what the reward model scores above expectation becomes likelier.
        #   attune ppo recipes/ppo.yaml --out runs/ppo
        seed: 1
        from: runs/sft/model
        rewards:
          - model: runs/reward/model   # several are added up, each with a weight; functions: length-target, lexicon, repetition
        prompts:
          data:
            - path: prompts.txt
          maximumTokens: {{longest - AnswerTokens}}
        ppo:
          steps: 20
          promptsPerStep: 16
          maximumLength: {{AnswerTokens}}
          epochs: 2
          minibatches: 2
          microBatch: 16
          learningRate: 0.0001
          klCoefficient: 0.1           # the price of each nat of distance from the fine-tuned model: the leash
          klController: adaptive
          klTarget: 6
          klHorizon: 1_000
        samples:
          every: 5                     # answers to look at, in runs/ppo/samples.jsonl
        run:
          checkpointEvery: 10

        """;

    public static string Evaluate(string model, string words, int examples) => $$"""
        # Evaluation: both models answer prompts that nothing was trained on, and are compared blind.
        #   attune evaluate recipes/evaluate.yaml --out runs/evaluation
        seed: 1
        evaluate:
          title: My project
          models:
            ppo: runs/ppo/model
            sft: runs/sft/model
          reference: sft
          base: {{Text(model)}}
          prompts:
            - path: prompts-heldout.txt
        {{FewShot(examples)}}  rewards:                     # what ppo was trained against, as in its recipe
            - model: runs/reward/model
          rewardRun: runs/reward       # what it measured is shown
          ppoRun: runs/ppo             # its last checkpoints are the frontier
          judges:                      # who was not asked in training: a crowd, another reward model, a word list
            friendly words:
              reward:
                function: lexicon
                lexicon:
                  words: {{Text(Path.Combine(words, "valence.tsv"))}}
                  negations: {{Text(Path.Combine(words, "negations.txt"))}}
                  intensifiers: {{Text(Path.Combine(words, "intensifiers.tsv"))}}
          sampling:
            maximumNewTokens: {{AnswerTokens}}
          budget:
            bestOf: [1, 4]
            bestOfPrompts: 8

        """;

    private static string FewShot(int examples) => examples == 0 ? "" : $$"""
          fewShot:                     # the base model with examples before each prompt: what needs no training
            count: {{examples}}
            demonstrations: {path: demonstrations.jsonl, format: prompts}

        """;

    /// <summary>Text of any kind as a YAML value.</summary>
    private static string Text(string value) => RecipeWriter.Scalar(value)!;
}
