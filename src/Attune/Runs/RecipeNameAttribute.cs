namespace Attune.Runs;

/// <summary>
/// The name in recipes of an enum member (or of a property), where the rule does not give it: members are written in kebab-case, so that
/// <c>OpenAi2019</c> would read <c>open-ai2019</c>, and properties in camelCase.
/// </summary>
/// <param name="name">The name as recipes spell it.</param>
[AttributeUsage(AttributeTargets.Field | AttributeTargets.Property)]
public sealed class RecipeNameAttribute(string name) : Attribute
{
    /// <summary>The name as recipes spell it.</summary>
    public string Name { get; } = name;
}
