namespace Attune.Loop;

/// <summary>The stages of a round, in order. The first happens once.</summary>
public enum QuickstartStage
{
    /// <summary>Supervised fine-tuning of the base model.</summary>
    Sft,

    /// <summary>Answers of the policy to the training prompts, put into pairs.</summary>
    Compare,

    /// <summary>Judgments of the simulated crowd on those pairs.</summary>
    Judge,

    /// <summary>A reward model from the judgments.</summary>
    Reward,

    /// <summary>The policy improved against the reward model.</summary>
    Ppo,

    /// <summary>The result judged by annotators whom training never asked.</summary>
    Evaluate,
}

/// <summary>What a person watching is told about a stage as it begins.</summary>
public static class StageWords
{
    /// <summary>The stage's title.</summary>
    public static string Title(this QuickstartStage stage) => stage switch
    {
        QuickstartStage.Sft => "Supervised fine-tuning",
        QuickstartStage.Compare => "Answers to compare",
        QuickstartStage.Judge => "Feedback",
        QuickstartStage.Reward => "Reward model",
        QuickstartStage.Ppo => "PPO",
        _ => "Evaluation",
    };

    /// <summary>What happens in it and why, in a sentence or two.</summary>
    public static string Explanation(this QuickstartStage stage, QuickstartPlan plan) => stage switch
    {
        QuickstartStage.Sft => "The base model continues any text. From demonstrations it learns the task: to continue the opening of a film review, and to end.",
        QuickstartStage.Compare => "The policy answers each prompt several times. People compare answers to one prompt better than they grade single ones.",
        QuickstartStage.Judge when plan.IsJudgedByPerson => "You say which of two reviews is better, and the reward model learns from that alone. "
            + $"{plan.Crowd.HeldOut} simulated annotators are kept for the evaluation.",
        QuickstartStage.Judge => $"A simulated crowd prefers friendly, fluent reviews that do not repeat themselves, each member a little differently. "
            + $"{plan.Crowd.Bad.Count} of {plan.Crowd.Training} are bad annotators; {plan.Crowd.HeldOut} others are kept for the evaluation.",
        QuickstartStage.Reward => "A copy of the model with one number on top learns to score the preferred answer higher, so that it can stand in for " + (plan.IsJudgedByPerson ? "you." : "the crowd."),
        QuickstartStage.Ppo => plan.Leash
            ? "The policy tries answers, the reward model scores them, and what scored above expectation becomes likelier. Every nat of distance from the supervised model costs a little, or the policy would find answers that only the reward model likes."
            : "The policy tries answers and the reward model scores them. Nothing holds it near the supervised model: expect it to find answers that only the reward model likes.",
        _ => "Annotators who were never asked before compare the models blindly on prompts that nothing was trained on.",
    };
}
